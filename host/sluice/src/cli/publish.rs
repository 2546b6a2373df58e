//! The arguments that all publishing commands share.

use clap::Args;
use sluice_core::time::parse;
use sluice_node::hub::wall_ms;

use crate::wiring::edges::Durability;

use super::duration;

/// What every publishing verb takes.
#[derive(Clone, Debug, Default, Args)]
pub struct PublishArgs {
    /// Run the real fold with the real validators, and append nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Why; kept with the change
    #[arg(long)]
    pub reason: Option<String>,
    /// Who; default: the user's name
    #[arg(long = "as", value_name = "NAME")]
    pub author: Option<String>,
    /// Idempotency token; default: a fresh one
    #[arg(long)]
    pub token: Option<String>,
    /// What to override: guard, which stops changes that do away with too much, or fence, which stops whoever lost a lock; say with --reason why it is meant
    #[arg(long = "override", value_name = "GUARD", requires = "reason")]
    pub overridden: Option<String>,
    /// Publish under a lock, with the token that came with it (SLUICE_FENCE): refused once a later holder has published
    #[arg(long = "fence", value_name = "LOCK=TOKEN", value_parser = fence)]
    pub fences: Vec<(String, u64)>,
    /// When it begins: 2026-12-01T09:00:00Z, or +2h from now; judged now and then, called off with sluice schedule cancel
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub from: Option<Time>,
    /// When it ends, and what was there before comes back
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<Time>,
    /// Wait until this share of live hosts has it: all, quorum, or N%; without the flag, the first host's outcome
    #[arg(long, value_name = "SHARE", num_args = 0..=1, require_equals = true, default_missing_value = "all", value_parser = share)]
    pub wait: Option<Share>,
    /// Have it confirmed by N replicas (1 when no level is given), by Redis's disk (disk), or by both (disk+N); else 5
    #[arg(long, value_name = "LEVEL", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    pub durable: Option<Durability>,
}

/// How many hosts must have a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    All,
    Quorum,
    Percent(u8),
}

/// A time of the log, in ms since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub u64);

/// Reads a time, or a duration from now.
fn time(text: &str) -> Result<Time, String> {
    let ms = match text.strip_prefix('+') {
        Some(ahead) => wall_ms().checked_add(duration(ahead)?.as_millis() as u64),
        None => parse(text),
    };
    ms.map(Time).ok_or_else(|| format!("{text:?} is no time: write 2026-12-01T09:00:00Z, or +2h from now"))
}

fn fence(text: &str) -> Result<(String, u64), String> {
    let read = text.rsplit_once('=').and_then(|(lock, token)| Some((lock.to_owned(), token.parse().ok()?)));
    read.ok_or_else(|| format!("{text:?} is not a lock and its token: write --fence deploy=$SLUICE_FENCE"))
}

fn share(text: &str) -> Result<Share, String> {
    let wrong = || format!("{text:?} is no share of hosts: write all, quorum or 50%");
    match text {
        "all" => Ok(Share::All),
        "quorum" => Ok(Share::Quorum),
        _ => match text.strip_suffix('%').and_then(|number| number.parse::<u8>().ok()) {
            Some(percent @ 1..=100) => Ok(Share::Percent(percent)),
            Some(_) | None => Err(wrong()),
        },
    }
}

impl Share {
    /// How many of `hosts` live hosts that is; at least one.
    pub fn of(self, hosts: usize) -> usize {
        match self {
            Share::All => hosts.max(1),
            Share::Quorum => hosts / 2 + 1,
            Share::Percent(percent) => (hosts * usize::from(percent)).div_ceil(100).max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_hosts_is_never_none() {
        assert_eq!(
            (Share::All.of(3), Share::Quorum.of(4), Share::Percent(50).of(3), Share::Percent(1).of(0)),
            (3, 3, 2, 1)
        );
    }

    #[test]
    fn a_time_is_a_date_or_so_far_from_now() {
        assert_eq!(time("2023-11-14T22:13:20Z"), Ok(Time(1_700_000_000_000)));
        assert!(time("+2h").unwrap().0 >= wall_ms() + 7_100_000);
        for text in ["2h", "+2", "tomorrow", "2026-01-01", "-5"] {
            assert!(time(text).unwrap_err().starts_with(&format!("{text:?} is no ")) || text == "+2", "{text}");
        }
    }
}
