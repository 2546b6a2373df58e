//! `sluice host`: the daemon, and a look at whether it would start.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::cli::{HostArgs, HostVerb};
use crate::commands::doctor::server;
use crate::exit::Ended;
use crate::output::Table;
use crate::settings::Settings;
use crate::space::Context;
use crate::wiring::edges::Redis;
use crate::{telemetry, wiring};

/// Pause between two looks at the server behind a host, and the shorter one while it is away.
const LOOK_PAUSE: Duration = Duration::from_secs(60);
const AWAY_PAUSE: Duration = Duration::from_secs(5);

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
        let heeding = tokio::spawn(heed(wired.redis.clone()));
        info!(host = %settings.id, space = %settings.space, address = %wired.address, "serving");
        // The one line on stdout: where it serves, for whoever started it on port 0.
        context.output.line(&format!("http://{}", wired.address))?;
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
        info!("stopping");
        heeding.abort();
        wired.drain().await;
        Ok(Ended::Yes)
    })
}

/// Looks at the Redis behind this host now and then, and warns once of each thing that endangers the log there.
async fn heed(redis: Arc<Redis>) {
    let mut before: Vec<&'static str> = Vec::new();
    loop {
        let glance = redis.server_glance().await;
        let pause = if glance.is_ok() { LOOK_PAUSE } else { AWAY_PAUSE };
        if let Ok(facts) = glance {
            let dangers = server::dangers(&facts);
            for danger in dangers.iter().filter(|danger| !before.contains(&danger.check)) {
                let (check, found, fix) = (danger.check, &danger.found, &danger.fix);
                warn!(check, found, fix, place = facts.place, "the log is in danger at its Redis");
            }
            before = dangers.iter().map(|danger| danger.check).collect();
        }
        sleep(pause).await;
    }
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
