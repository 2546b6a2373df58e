//! `sluice dev`: a private Redis and some hosts in one process; nothing is left behind.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use metrics_exporter_prometheus::PrometheusHandle;
use rustix::process::{Signal, set_parent_process_death_signal};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

use crate::cli::{Dev, Reach};
use crate::exit::{Ended, usage};
use crate::settings::{Disk, Settings};
use crate::space::Context;
use crate::telemetry::{self, LogForm};
use crate::wiring::edges::{Bounds, Ceilings};
use crate::wiring::{self, Wired};

/// Pause between two looks whether the new Redis answers.
const LOOK_PAUSE: Duration = Duration::from_millis(10);

/// A child that ends with us: when dropped, and by the kernel when we are killed.
struct PrivateRedis {
    child: Child,
    port: u16,
}

pub fn run(context: &Context, args: &Dev) -> Result<Ended> {
    context.takes_no_host("sluice dev starts hosts of its own: leave it out")?;
    telemetry::logs(["warn", "info", "debug"][usize::from(context.verbose.min(2))], LogForm::Text)?;
    let metrics = telemetry::metrics()?;
    context.run_unbounded(async {
        // Heard before there is anything to leave behind.
        let mut ends = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        let [interrupt, terminate, hangup] = &mut ends;
        let (interrupt, terminate, hangup) = (told(interrupt)?, told(terminate)?, told(hangup)?);
        let folder = tempfile::Builder::new().prefix("sluice-dev-").tempdir()?;
        let mut hosts = Vec::new();
        // Dropped before the folder it writes to.
        let mut redis = PrivateRedis::start(folder.path())?;
        let worked = async {
            start(context, args, metrics, (&mut redis, folder.path()), &mut hosts).await?;
            std::future::pending().await
        };
        let ended = tokio::select! {
            failed = worked => failed,
            _ = interrupt.recv() => Ok(Ended::Yes),
            _ = terminate.recv() => Ok(Ended::Yes),
            _ = hangup.recv() => Ok(Ended::Yes),
        };
        context.output.remark("stopping");
        for host in hosts {
            host.drain().await;
        }
        ended
    })
}

fn told(signal: &mut std::io::Result<Signals>) -> Result<&mut Signals> {
    signal.as_mut().map_err(|error| anyhow!("signals cannot be heard: {error}"))
}

/// Starts the hosts, once Redis answers, and says where they are.
async fn start(
    context: &Context,
    args: &Dev,
    metrics: PrometheusHandle,
    (redis, folder): (&mut PrivateRedis, &Path),
    hosts: &mut Vec<Wired>,
) -> Result<()> {
    let reach = Reach { redis: redis.url(), ..context.reach.clone() };
    redis.answers(&reach).await?;
    // Just started and ours: nobody has a lock there.
    wiring::locks::begin(&reach.redis, reach.timeout).await?;
    for number in 1..=args.hosts {
        let settings = settings(&reach, folder, number);
        hosts.push(wiring::build(&settings, metrics.clone()).await?);
    }
    tell(context, &reach, hosts)
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
        durable: None,
        listen: ([127, 0, 0, 1], 0).into(),
        admin: None,
        publish_token: None,
        labels: BTreeMap::new(),
        log_level: String::new(),
        log_form: LogForm::Text,
        disk: Disk { is_synced: true, probation: None },
        compiler: Bounds::default(),
        ceilings: Ceilings::default(),
        history: sluice_pack::history::Bounds::default(),
        locks: None,
        // Gone with the terminal: nothing to keep, and no ticks among what is tried out.
        keeper: None,
    }
}

impl PrivateRedis {
    fn start(folder: &Path) -> Result<PrivateRedis> {
        // A port of the system's choice; should somebody else take it first, Redis ends at once.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.arg("--dir").arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // In a group of its own: the terminal's ctrl-C is for us, and Redis goes after the hosts have.
        command.process_group(0);
        // SAFETY: between fork and exec only this one system call is made, and it allocates nothing.
        unsafe {
            command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
        }
        let child = command.spawn();
        child.map(|child| PrivateRedis { child, port }).map_err(|error| {
            usage(format!("cannot start redis-server: {error}: install it, for example with ./x setup"))
        })
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Waits until it answers.
    async fn answers(&mut self, reach: &Reach) -> Result<()> {
        let redis = wiring::redis(reach)?;
        let look = async {
            while let Err(lost) = redis.tip().await {
                self.lives()?;
                tracing::debug!(why = %lost.0, "redis does not answer yet");
                tokio::time::sleep(LOOK_PAUSE).await;
            }
            // Whoever answers there must be ours.
            self.lives()
        };
        tokio::time::timeout(reach.timeout, look).await.context("redis-server does not answer")?
    }

    fn lives(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(ended) => bail!("redis-server on port {} ended with {ended}: try again", self.port),
        }
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        // It may have ended by itself, which is just as well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
