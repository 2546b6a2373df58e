//! `sluice host`: the daemon, and a look at whether it would start.

use anyhow::Result;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use crate::cli::{HostArgs, HostVerb};
use crate::exit::Ended;
use crate::output::Table;
use crate::settings::Settings;
use crate::space::Context;
use crate::{telemetry, wiring};

pub fn run(context: &Context, verb: &HostVerb) -> Result<Ended> {
    context.takes_no_host("sluice host is about a host here: leave it out, --listen says where it serves")?;
    match verb {
        HostVerb::Run(args) => run_host(context, args),
        HostVerb::Check(args) => check(context, args),
    }
}

/// Settings, then telemetry, then the parts; every fault of the settings is told before anything opens.
fn run_host(context: &Context, args: &HostArgs) -> Result<Ended> {
    let settings = Settings::load(args, &context.reach, context.verbose)?;
    telemetry::logs(&settings.log_level, settings.log_form)?;
    let metrics = telemetry::metrics()?;
    context.run_unbounded(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let wired = wiring::build(&settings, metrics).await?;
        info!(host = %settings.id, space = %settings.space, address = %wired.address, "serving");
        // The one line on stdout: where it serves, for whoever started it on port 0.
        context.output.line(&format!("http://{}", wired.address))?;
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
        info!("stopping");
        wired.drain().await;
        Ok(Ended::Yes)
    })
}

/// Tries everything a start needs, and ends.
fn check(context: &Context, args: &HostArgs) -> Result<Ended> {
    let settings = Settings::load(args, &context.reach, context.verbose)?;
    let rows = context.run(async { Ok(wiring::try_out(&settings).await) })?;
    let is_good = rows.iter().all(|(_, result)| result.is_ok());
    let row = |(name, result): &(&'static str, Result<String, String>)| {
        let (level, text) = match result {
            Ok(text) => ("OK", text),
            Err(why) => ("FAIL", why),
        };
        [*name, level, text].map(Value::from).to_vec()
    };
    let table = Table { columns: vec!["what", "result", "detail"], wide_from: 3, rows: rows.iter().map(row).collect() };
    context.output.many("HostCheck", &table)?;
    Ok(if is_good { Ended::Yes } else { Ended::No })
}
