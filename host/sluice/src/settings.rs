//! What a host is told: the settings file as typed, then as meant. The only place that reads the environment.

mod disk;
mod history;
mod keeper;
mod locks;

pub use disk::{Disk, failpoints};

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;
use sluice_node::keeper as node_keeper;

use crate::cli::{HostArgs, Reach};
use crate::exit::usage;
use crate::telemetry::LogForm;
use crate::wiring::edges;

/// Where a host serves when nothing says otherwise: loopback, so that nothing is open by accident.
const LISTEN: &str = "127.0.0.1:7717";

/// The file as typed. Every field may be left out; unknown ones are refused.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Typed {
    /// This host's id: 1 to 64 of `A-Z a-z 0-9 . _ -`. Default: the machine's name.
    id: Option<String>,
    /// The space. Default: `--space`.
    space: Option<String>,
    /// The Redis that holds the log. Default: `--redis`.
    redis: Option<String>,
    /// What a change published over HTTP must have reached before it is confirmed: a number of replicas, `disk`,
    /// or `disk+N`. Default: the memory of Redis.
    durable: Option<String>,
    /// Folder for the local store and compiled validators.
    data: Option<PathBuf>,
    /// Folder for compiled validators, which hosts of one user may share. Default: in the data folder.
    cache: Option<PathBuf>,
    /// Where applications read.
    listen: Option<String>,
    /// Where operators look; default: the same listener.
    admin: Option<String>,
    /// A file that holds the bearer token for publishing over HTTP; without one, publishing is off there.
    publish_token_file: Option<PathBuf>,
    /// Shown with the host, such as `region = "eu"`.
    labels: BTreeMap<String, String>,
    log: TypedLog,
    disk: disk::TypedDisk,
    compiler: TypedCompiler,
    ceilings: TypedCeilings,
    keeper: keeper::TypedKeeper,
    history: history::TypedHistory,
    locks: locks::TypedLocks,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TypedLog {
    /// A filter such as `info` or `sluice_redis=debug`.
    level: Option<String>,
    /// `text` or `json`.
    form: Option<String>,
}

/// What the process that compiles a validator may use. What it cannot do so is held on this host until it can.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TypedCompiler {
    /// Bytes of memory. Defends what serves on the same machine.
    memory_bytes: Option<u64>,
    /// Seconds of processor time. Defends against a compiler that does not end.
    cpu_s: Option<u64>,
    /// Seconds by the clock. Defends against one that waits for ever.
    time_s: Option<u64>,
}

impl TypedCompiler {
    fn bounds(&self) -> Result<edges::Bounds, String> {
        let most = edges::Bounds::default();
        if let Some(name) = [("memory_bytes", self.memory_bytes), ("cpu_s", self.cpu_s), ("time_s", self.time_s)]
            .iter()
            .find_map(|(name, value)| (*value == Some(0)).then_some(name))
        {
            return Err(format!("compiler.{name} is 0: give at least 1, or leave it out"));
        }
        Ok(edges::Bounds {
            memory_bytes: self.memory_bytes.unwrap_or(most.memory_bytes),
            cpu: self.cpu_s.map_or(most.cpu, Duration::from_secs),
            time: self.time_s.map_or(most.time, Duration::from_secs),
        })
    }
}

/// What a binding gets on this host at most. One that wants more is held here, for hosts must not differ in what they
/// refuse.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TypedCeilings {
    /// Units of fuel a call.
    fuel: Option<u64>,
    /// Bytes of memory a call. Defends this host's memory, together with the calls at a time.
    memory_bytes: Option<u64>,
    /// Milliseconds a call.
    time_ms: Option<u64>,
    /// Calls of one binding at a time.
    concurrent_calls: Option<u64>,
}

impl TypedCeilings {
    /// What is above the space's own limits changes nothing.
    fn meant(&self) -> edges::Ceilings {
        let most = edges::Ceilings::default();
        edges::Ceilings {
            fuel: self.fuel.unwrap_or(most.fuel),
            memory_bytes: self.memory_bytes.unwrap_or(most.memory_bytes),
            time_ms: self.time_ms.unwrap_or(most.time_ms),
            concurrent_calls: self.concurrent_calls.unwrap_or(most.concurrent_calls),
        }
    }
}

/// The settings as meant.
#[derive(Debug)]
pub struct Settings {
    pub id: String,
    pub space: String,
    pub redis: String,
    pub durable: Option<edges::Durability>,
    pub data: PathBuf,
    pub cache: PathBuf,
    pub listen: SocketAddr,
    pub admin: Option<SocketAddr>,
    pub publish_token: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub log_level: String,
    pub log_form: LogForm,
    pub disk: Disk,
    pub compiler: edges::Bounds,
    pub ceilings: edges::Ceilings,
    pub keeper: Option<node_keeper::Settings>,
    pub history: sluice_pack::history::Bounds,
    pub locks: Option<edges::LockSettings>,
}

impl Settings {
    /// Reads the file, lays the flags over it, and tells all faults at once.
    pub fn load(args: &HostArgs, reach: &Reach, verbose: u8) -> Result<Settings> {
        let typed = match &args.settings {
            Some(path) => read(path)?,
            None => Typed::default(),
        };
        let mut faults = Vec::new();
        let mut told = |fault: Result<(), String>| faults.extend(fault.err());
        let id = args.id.clone().or(typed.id).unwrap_or_else(machine_name);
        told(id.parse::<edges::HostId>().map(drop).map_err(|error| error.to_string()));
        let space = typed.space.unwrap_or_else(|| reach.space.clone());
        told(space.parse::<edges::Space>().map(drop).map_err(|error| error.to_string()));
        let (listen, fault) = address("listen", args.listen.clone().or(typed.listen));
        told(fault);
        let (admin, fault) = match typed.admin {
            Some(text) => address("admin", Some(text)),
            None => (None, Ok(())),
        };
        told(fault);
        let compiler = typed.compiler.bounds();
        told(compiler.clone().map(drop));
        let disk = typed.disk.meant();
        told(disk.clone().map(drop));
        let keeper = typed.keeper.meant();
        told(keeper.clone().map(drop));
        let locks = typed.locks.meant(keeper.as_ref().ok().and_then(Option::as_ref));
        told(locks.clone().map(drop));
        let history = typed.history.meant();
        told(history.clone().map(drop));
        let (publish_token, fault) = token(typed.publish_token_file.as_deref());
        told(fault);
        let durable = typed.durable.as_deref().map(str::parse).transpose();
        told(durable.as_ref().map(drop).map_err(|why: &String| format!("durable: {why}")));
        let log_form = match typed.log.form.as_deref() {
            None | Some("text") => LogForm::Text,
            Some("json") => LogForm::Json,
            Some(other) => {
                told(Err(format!("log.form {other:?} is unknown: write text or json")));
                LogForm::Text
            }
        };
        let default_level = ["info", "debug", "trace"][usize::from(verbose.min(2))];
        if !faults.is_empty() {
            return Err(usage(format!("{} in the settings:\n  {}", plural(faults.len()), faults.join("\n  "))));
        }
        let data = args.data.clone().or(typed.data).unwrap_or_else(|| default_data(&space, &id));
        Ok(Settings {
            cache: args.cache.clone().or(typed.cache).unwrap_or_else(|| data.join("validators")),
            data,
            id,
            space,
            durable: durable.expect("a level without a fault was read"),
            redis: typed.redis.unwrap_or_else(|| reach.redis.clone()),
            listen: listen.expect("an address without a fault is there"),
            admin,
            publish_token,
            labels: typed.labels,
            log_level: typed.log.level.unwrap_or_else(|| default_level.to_owned()),
            log_form,
            disk: disk.expect("bounds without a fault are there"),
            ceilings: typed.ceilings.meant(),
            history: history.expect("bounds without a fault are there"),
            keeper: keeper.expect("bounds without a fault are there"),
            locks: locks.expect("masters without a fault are there"),
            compiler: compiler.expect("bounds without a fault are there"),
        })
    }
}

fn read(path: &Path) -> Result<Typed> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| usage(format!("cannot read the settings {shown}: {error}: give a file with --settings")))?;
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        usage(format!("{shown}:{line}: {}", error.message()))
    })
}

fn address(name: &str, text: Option<String>) -> (Option<SocketAddr>, Result<(), String>) {
    let text = text.unwrap_or_else(|| LISTEN.to_owned());
    match text.parse() {
        Ok(address) => (Some(address), Ok(())),
        Err(_) => (None, Err(format!("{name} {text:?} is no address: write ip:port, such as {LISTEN}"))),
    }
}

fn token(path: Option<&Path>) -> (Option<String>, Result<(), String>) {
    let Some(path) = path else { return (None, Ok(())) };
    let shown = path.display();
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().len() >= 16 => (Some(text.trim().to_owned()), Ok(())),
        Ok(_) => (None, Err(format!("the token in {shown} is shorter than 16 bytes: write a long random one"))),
        Err(error) => (None, Err(format!("cannot read publish_token_file {shown}: {error}"))),
    }
}

/// The token commands publish with through a host.
pub fn publish_token(path: &Path) -> Result<String> {
    let (token, fault) = token(Some(path));
    fault.map_err(usage)?;
    Ok(token.expect("a token without a fault is there"))
}

fn plural(faults: usize) -> String {
    if faults == 1 { "1 fault".to_owned() } else { format!("{faults} faults") }
}

/// The name of this machine; empty where nobody tells.
pub fn machine_name() -> String {
    // Where Linux shows it; elsewhere, as without /proc, the operator gives the host a name.
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// `$STATE_DIRECTORY` under systemd, else the user's state folder (XDG Base Directory 0.8).
fn default_data(space: &str, id: &str) -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || variable("HOME").map(|home| home.join(".local/state"));
    let base = variable("STATE_DIRECTORY").or_else(|| {
        let state = variable("XDG_STATE_HOME").or_else(home);
        state.map(|state| state.join("sluice"))
    });
    base.unwrap_or_else(|| PathBuf::from("sluice-data")).join(space).join(id)
}

/// Where commands keep compiled validators, so that a second run starts at once.
pub fn cache_folder() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || variable("HOME").map(|home| home.join(".cache"));
    let base = variable("XDG_CACHE_HOME").or_else(home).unwrap_or_else(std::env::temp_dir);
    base.join("sluice")
}

/// Where cargo keeps the sources of packages, if it can be told.
pub fn cargo_folder() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("CARGO_HOME").or_else(|| variable("HOME").map(|home| home.join(".cargo")))
}

/// The user's name, for `author`.
pub fn user_name() -> Option<String> {
    ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok()).filter(|name| !name.is_empty())
}

/// Whether colours are switched off for all programs (no-color.org).
pub fn has_no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Settings> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sluice.toml");
        std::fs::write(&path, text).unwrap();
        let args = HostArgs { settings: Some(path), ..HostArgs::default() };
        let reach = Reach {
            redis: "redis://127.0.0.1".to_owned(),
            space: "shop".to_owned(),
            host: None,
            publish_token_file: None,
            timeout: std::time::Duration::from_secs(1),
        };
        Settings::load(&args, &reach, 0)
    }

    #[test]
    fn a_file_says_what_it_means() {
        let settings =
            load("id = \"edge-1\"\nlisten = \"0.0.0.0:80\"\n[labels]\nregion = \"eu\"\n[ceilings]\nfuel = 7\n")
                .unwrap();
        assert_eq!((settings.id.as_str(), settings.space.as_str()), ("edge-1", "shop"));
        assert_eq!(settings.listen.to_string(), "0.0.0.0:80");
        assert_eq!(settings.labels["region"], "eu");
        assert!(settings.disk.is_synced);
        assert_eq!(settings.ceilings, edges::Ceilings { fuel: 7, ..edges::Ceilings::default() });
    }

    #[test]
    fn an_unknown_setting_is_told_with_its_line() {
        let error = load("id = \"a\"\n\nlissten = \"1.2.3.4:5\"\n").unwrap_err().to_string();
        assert!(error.contains("sluice.toml:3: unknown field `lissten`, expected one of"), "{error}");
    }

    #[test]
    fn masters_of_locks_must_cover_the_leases_of_hosts() {
        let masters = "masters = [\"redis://a\", \"redis://b\", \"redis://c\"]\n";
        let locks = |text: &str| load(&format!("[locks]\n{text}"));
        let settings = locks(masters).unwrap().locks.unwrap();
        assert_eq!((settings.masters.len(), settings.ttl_max_ms), (3, 60_000));
        let long = locks(&format!("{masters}[keeper]\nlease_ms = 90000\n")).unwrap().locks.unwrap();
        assert_eq!(long.ttl_max_ms, 90_000, "what the keeper takes");
        assert_eq!(load("").unwrap().locks, None);
        for (text, says) in [
            (format!("{masters}ttl_max = \"30s\"\n"), "locks.ttl_max is 30s, and hosts take leases of 60000ms"),
            (format!("{masters}ttl_max = \"soon\"\n"), "locks.ttl_max: \"soon\" is no duration"),
            ("ttl_max = \"60s\"\n".to_owned(), "without locks.masters"),
            (
                "masters = [\"redis://a\", \"redis://b\"]\n".to_owned(),
                "locks.masters: 2 masters for locks: name one, three",
            ),
            ("masters = [\"redis+sentinel://a/b\"]\n".to_owned(), "locks.masters: a lock's master is one server"),
        ] {
            let error = locks(&text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let faulty = "id = \"a b\"\nlisten = \"here\"\n[log]\nform = \"xml\"\n[compiler]\ncpu_s = 0\n";
        let error = load(faulty).unwrap_err().to_string();
        assert!(error.starts_with("4 faults"), "{error}");
    }
}
