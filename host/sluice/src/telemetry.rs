//! Logs and metrics: the only place that installs a subscriber or a recorder.

use std::io::IsTerminal;

use anyhow::{Context, Result};
use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

/// How a host logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogForm {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Seconds; from a local write to a host that was away.
const PROPAGATION_SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0];
/// Seconds; from one small change to a large batch.
const WORK_SECONDS: [f64; 10] = [0.000_01, 0.000_05, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 1.0];

/// Sends logs to stderr. `level` is a tracing filter such as `info` or `sluice_redis=debug`.
pub fn logs(level: &str, form: LogForm) -> Result<()> {
    let filter = EnvFilter::try_new(level).with_context(|| format!("log level {level:?} is no filter: write info"))?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let installed = match form {
        LogForm::Text => logs.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogForm::Json => logs.json().flatten_event(true).try_init(),
    };
    installed.map_err(|error| anyhow::anyhow!("logs are set up already: {error}"))
}

/// Collects metrics; the handle renders them as Prometheus text.
pub fn metrics() -> Result<PrometheusHandle> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full("sluice_propagation_seconds".to_owned()), &PROPAGATION_SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &WORK_SECONDS)?;
    let handle = builder.install_recorder().context("metrics are set up already")?;
    describe();
    metrics::gauge!("sluice_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

/// What each metric means, as `# HELP`. Names and labels are an interface: see `docs/OPERATING.md`.
fn describe() {
    describe_gauge!("sluice_build_info", "1, with the version as a label");
    describe_gauge!("sluice_revision_timestamp_seconds", "log time of the newest entry served");
    describe_counter!("sluice_entries_total", "entries by outcome");
    describe_gauge!("sluice_snapshot_age_seconds", "age of the newest snapshot, as of this host's last look");
    describe_gauge!("sluice_snapshot_bytes", "bytes the newest snapshot takes");
    describe_gauge!("sluice_history_bytes", "bytes the history behind the log takes, as this host last wrote it");
    describe_counter!("sluice_lost_entries_total", "entries that a failover lost and hosts brought back");
    describe_counter!("sluice_snapshot_chunks_total", "parts of snapshots written or reused by this host");
    describe_histogram!("sluice_propagation_seconds", "from an entry's log time to its being served");
    describe_histogram!("sluice_fold_seconds", "time one event took in the state machine");
    describe_gauge!("sluice_keys", "keys served");
    describe_gauge!("sluice_held_entries", "entries this host cannot decide because of a fault");
    describe_counter!("sluice_faults_total", "faults by kind");
    describe_histogram!("sluice_validator_seconds", "time of one call of a validator");
    describe_counter!("sluice_validator_verdicts_total", "verdicts by validator");
    describe_counter!("sluice_validator_fuel_total", "fuel used by validators");
    describe_gauge!("sluice_config_age_seconds", "time since the log last answered");
    describe_gauge!("sluice_log_silent_seconds", "time since an entry of the log last came, ticks counted");
    describe_gauge!("sluice_stale", "1 when the log has been silent for longer than a rule of the policy allows");
    describe_gauge!("sluice_log_lag_entries", "entries of the log not yet decided, when the host last reported");
    describe_gauge!("sluice_refused_keys", "keys with a newer change that was refused");
    describe_gauge!("sluice_probation", "1 when an older set is served, because a newer one made the host crash");
    describe_gauge!("sluice_lock_masters", "masters of locks by how they stand: voting, waiting, away");
    describe_histogram!(
        "sluice_lock_acquire_seconds",
        "time to take a lease over masters of locks: had, taken, failed"
    );
    describe_gauge!("sluice_source_state", "1 for the state the source is in: starting, ok, away");
    describe_counter!("sluice_resyncs_total", "times missing entries were pulled again: reconnect, damage");
    describe_counter!("sluice_http_requests_total", "requests by route and status code");
    describe_gauge!("sluice_http_connections", "open connections");
    describe_gauge!("sluice_watchers", "open event streams and long polls");
}
