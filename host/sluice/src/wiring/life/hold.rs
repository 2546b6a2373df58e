//! A host that serves the set before the one that made it crash.

use std::time::Duration;

use sluice_core::{Entry, Lost, Revision};
use sluice_disk::{Claim, OpenError, Opened};
use sluice_node::{Hub, Log};
use tokio::time::{Instant, sleep};
use tracing::{debug, error, info};

use super::{Life, tell};

/// How often the log is looked at for a newer change, and the folder for the operator's word.
const LOOK_PAUSE: Duration = Duration::from_millis(500);
/// How often the host says how it stands.
const REPORT_PAUSE: Duration = Duration::from_secs(5);
/// Each further crash doubles the wait before the next try, this many times at most: an hour by default.
const DOUBLINGS_MAX: u32 = 6;
/// Entries read of the log at a time.
const ENTRIES: usize = 256;

/// Why the hold ends.
struct Release {
    /// The newest entry of the log.
    newest: Revision,
    by_hand: bool,
}

/// Says, before anybody can ask, that an older set is served.
pub fn show(hub: &Hub, claim: &Claim, crashes: u32) {
    let (tried, remedy, serving) = (claim.tried(), claim.remedy(), hub.view().state.cursor);
    let why = format!(
        "the host crashed {crashes} times in succession with the set of {tried}: serving that of {serving} until there is \
         a newer change; to load it again now, remove {}",
        remedy.display()
    );
    error!(%tried, %serving, crashes, remedy = %remedy.display(),
        "crashed again and again: serving the set before; publish a change that mends it, or remove the record");
    hub.withhold(Revision { ms: u64::MAX, seq: u64::MAX }, Lost(why));
}

impl Life {
    /// Serves what the hub has until there is a newer change than was tried, and not before a wait that grows with the
    /// crashes; or until the operator removes the record. None when it is halted before.
    pub(super) async fn hold(&self, claim: Claim, crashes: u32) -> Result<Option<Opened>, OpenError> {
        let (tried, serving) = (claim.tried(), self.hub.view().state.cursor);
        let wait = self.probation.unwrap_or_default() * (1 << crashes.saturating_sub(2).min(DOUBLINGS_MAX));
        let mut halted = self.halted.clone();
        let release = tokio::select! {
            _ = halted.wait_for(|halted| *halted) => return Ok(None),
            release = self.released(&claim, tried, wait) => release,
        };
        let Release { newest, by_hand } = release;
        info!(%newest, by_hand, "loading the newest set once more");
        let words = format!("catching up with {newest} after {crashes} crashes, serving {serving} meanwhile");
        self.hub.withhold(newest, Lost(words));
        let opened = tokio::task::block_in_place(|| claim.retry(newest, by_hand))?;
        tell(&opened.report);
        if opened.state.cursor >= newest {
            self.hub.go_on(opened.state.clone());
        }
        Ok(Some(opened))
    }

    async fn released(&self, claim: &Claim, tried: Revision, wait: Duration) -> Release {
        let begun = Instant::now();
        let (mut seen, mut has_change, mut reported) = (tried, false, None);
        loop {
            let by_hand = !claim.remedy().exists();
            if by_hand || begun.elapsed() >= wait {
                // All there is by now, so that what mends the set is taken up with what broke it.
                while let Ok(entries) = self.edges.redis.read(after(seen), ENTRIES).await
                    && let Some(last) = entries.last()
                {
                    has_change |= entries.iter().any(|entry| is_change(entry));
                    seen = last.revision;
                }
                if by_hand || has_change {
                    return Release { newest: seen, by_hand };
                }
            }
            if reported.is_none_or(|at: Instant| at.elapsed() >= REPORT_PAUSE) {
                reported = Some(Instant::now());
                if let Err(Lost(why)) = self.edges.reports.report(self.hub.standing().as_ref().clone()).await {
                    debug!(%why, "report not sent");
                }
            }
            sleep(LOOK_PAUSE).await;
        }
    }
}

/// Ticks make no other set.
fn is_change(entry: &Entry) -> bool {
    entry.content.as_ref().is_ok_and(|change| !change.edits.is_empty())
}

fn after(revision: Revision) -> Revision {
    match revision.seq.checked_add(1) {
        Some(seq) => Revision { seq, ..revision },
        None => Revision { ms: revision.ms + 1, seq: 0 },
    }
}
