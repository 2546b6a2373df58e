//! `sluice dev`: a private Redis and some hosts in one process; nothing is left behind.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::cli::{Dev, Reach};
use crate::exit::{Ended, usage};
use crate::settings::Settings;
use crate::space::Context;
use crate::telemetry::{self, LogForm};
use crate::wiring::{self, Wired};

/// Pause between two looks whether the new Redis answers.
const LOOK_PAUSE: Duration = Duration::from_millis(10);

/// A child that ends with us: when dropped, and by the kernel when we are killed.
struct PrivateRedis(Child);

pub fn run(context: &Context, args: &Dev) -> Result<Ended> {
    context.takes_no_host("sluice dev starts hosts of its own: leave it out")?;
    telemetry::logs(["warn", "info", "debug"][usize::from(context.verbose.min(2))], LogForm::Text)?;
    let metrics = telemetry::metrics()?;
    let folder = tempfile::Builder::new().prefix("sluice-dev-").tempdir()?;
    // A port of the system's choice; should somebody else take it first, Redis does not start and says so.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let _redis = PrivateRedis::start(folder.path(), port)?;
    context.run_unbounded(async {
        let reach = Reach { redis: format!("redis://127.0.0.1:{port}"), ..context.reach.clone() };
        answers(&reach).await?;
        let mut hosts = Vec::new();
        for number in 1..=args.hosts {
            let settings = settings(&reach, folder.path(), number);
            hosts.push(wiring::build(&settings, metrics.clone()).await?);
        }
        tell(context, &reach, &hosts)?;
        tokio::signal::ctrl_c().await?;
        context.output.remark("stopping");
        for host in hosts {
            host.drain().await;
        }
        Ok(Ended::Yes)
    })
}

fn tell(context: &Context, reach: &Reach, hosts: &[Wired]) -> Result<()> {
    context.output.line(&format!("export SLUICE_REDIS={}", reach.redis))?;
    context.output.line(&format!("export SLUICE_SPACE={}", reach.space))?;
    for (number, host) in hosts.iter().enumerate() {
        let name = if number == 0 { "EDGE".to_owned() } else { format!("EDGE_{}", number + 1) };
        context.output.line(&format!("export {name}=http://{}", host.address))?;
    }
    context.output.remark("running; paste these lines into another terminal, ctrl-C ends it all");
    Ok(())
}

fn settings(reach: &Reach, folder: &Path, number: u16) -> Settings {
    let id = format!("edge-{number}");
    Settings {
        data: folder.join(&id),
        cache: crate::settings::cache_folder().join("validators"),
        id,
        space: reach.space.clone(),
        redis: reach.redis.clone(),
        listen: ([127, 0, 0, 1], 0).into(),
        admin: None,
        publish_token: None,
        labels: BTreeMap::new(),
        log_level: String::new(),
        log_form: LogForm::Text,
        is_synced: true,
    }
}

/// Waits until Redis answers.
async fn answers(reach: &Reach) -> Result<()> {
    let redis = wiring::redis(reach)?;
    let look = async {
        while let Err(lost) = redis.tip().await {
            tracing::debug!(why = %lost.0, "redis does not answer yet");
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    };
    tokio::time::timeout(reach.timeout, look).await.context("redis-server does not answer")
}

impl PrivateRedis {
    fn start(folder: &Path, port: u16) -> Result<PrivateRedis> {
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.arg("--dir").arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // SAFETY: between fork and exec only this one system call is made, and it allocates nothing.
        unsafe {
            command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
        }
        let child = command.spawn();
        child.map(PrivateRedis).map_err(|error| {
            usage(format!("cannot start redis-server: {error}: install it, for example with ./x setup"))
        })
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        // It may have ended by itself, which is just as well.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
