//! What surfaces read and wait on: the served state, what changed lately, and how the host stands.
//!
//! Reading never waits: a view is one atomic pointer. Waiting is a counter that rises with each install.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use sluice_core::{Batch, Entry, Held, Key, Lost, Outcome, Revision, Settled, Standing, State, Step};
use tokio::sync::watch;

/// How many touched keys are remembered, so that a watcher that was away a moment goes on where it was.
/// A watcher away for longer is told to start over.
const TOUCHED_MAX: usize = 65_536;

/// How many outcomes are remembered for publishers that wait for theirs.
const SETTLED_MAX: usize = 8_192;

/// What a host serves: one whole state.
pub struct View {
    /// The state.
    pub state: State,
    /// When it became current here, in ms since 1970 by this host's clock.
    pub installed_ms: u64,
}

/// Shared by the drive loop, which writes, and all surfaces, which read.
pub struct Hub {
    view: ArcSwap<View>,
    standing: ArcSwap<Standing>,
    installs: watch::Sender<u64>,
    /// Wall clock of the last answer from the log, in ms since 1970.
    fresh_ms: AtomicU64,
    /// Wall clock of the last entry from the log, in ms since 1970.
    heard_ms: AtomicU64,
    recent: Mutex<Recent>,
    /// States before this are not served, for this reason.
    withheld: Mutex<Option<(Revision, Lost)>>,
}

/// The near past.
#[derive(Default)]
struct Recent {
    touched: VecDeque<Touch>,
    /// `touched` is complete for everything after this.
    complete_after: Revision,
    settled: VecDeque<(Revision, Outcome)>,
}

/// A key that got or lost its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Where in the order of this host it happened. For an entry that was held, where it was released.
    pub at: Revision,
    /// The key.
    pub key: Key,
}

/// The ring of touched keys does not reach back that far: start over from the whole state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// What became of an entry, as far as this host can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has this outcome.
    Settled(Outcome),
    /// This host cannot decide it yet, because of a fault.
    Held(Held),
    /// This host has not got that far.
    Ahead,
    /// It was settled too long ago to be remembered.
    Forgotten,
}

impl Hub {
    /// A hub that serves what the store had.
    pub fn new(state: State) -> Hub {
        let recent = Recent { complete_after: state.cursor, ..Recent::default() };
        let standing = Standing {
            state: state.clone(),
            held: Vec::new(),
            source: None,
            rift: None,
            store: None,
            probation: None,
            remarks: Vec::new(),
        };
        Hub {
            view: ArcSwap::from_pointee(View { state, installed_ms: wall_ms() }),
            standing: ArcSwap::from_pointee(standing),
            installs: watch::Sender::new(0),
            fresh_ms: AtomicU64::new(0),
            heard_ms: AtomicU64::new(0),
            recent: Mutex::new(recent),
            withheld: Mutex::default(),
        }
    }

    /// What is served now. Hold it briefly: it keeps a whole state alive.
    pub fn view(&self) -> arc_swap::Guard<Arc<View>> {
        self.view.load()
    }

    /// How the host stands.
    pub fn standing(&self) -> Arc<Standing> {
        self.standing.load_full()
    }

    /// When the log last answered, in ms since 1970; 0 when it never did since the start.
    pub fn fresh_ms(&self) -> u64 {
        self.fresh_ms.load(Ordering::Relaxed)
    }

    /// When an entry of the log last came, in ms since 1970; 0 when none did since the start.
    pub fn heard_ms(&self) -> u64 {
        self.heard_ms.load(Ordering::Relaxed)
    }

    /// Whether what is served may not be what the log leads to: the log is another one, or has not answered since the start;
    /// or an older set is served on purpose. Who acts for all hosts must not then.
    pub fn is_apart(&self) -> bool {
        let standing = self.standing();
        standing.rift.is_some() || standing.probation.is_some() || self.fresh_ms() == 0
    }

    /// Wakes at each install. One wake may stand for several installs.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.installs.subscribe()
    }

    /// Keys under `prefix` touched at `since` or later, each once, at its latest touch, in order. A watcher
    /// that saw `since` may see keys of that very revision again: at least once, never less.
    ///
    /// # Errors
    /// [`Gone`] when the ring does not reach back that far.
    pub fn touched_since(&self, since: Revision, prefix: &str) -> Result<Vec<Touch>, Gone> {
        let recent = self.recent();
        if since < recent.complete_after {
            return Err(Gone);
        }
        let start = recent.touched.partition_point(|touch| touch.at < since);
        let mut latest = std::collections::BTreeMap::new();
        for touch in recent.touched.range(start..).filter(|touch| touch.key.as_str().starts_with(prefix)) {
            latest.insert(touch.key.clone(), touch.at);
        }
        let mut touches: Vec<Touch> = latest.into_iter().map(|(key, at)| Touch { at, key }).collect();
        touches.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
        Ok(touches)
    }

    /// What became of an entry.
    pub fn fate(&self, revision: Revision) -> Fate {
        // The view says whether there is an outcome, and only then the standing says why there is none: a standing
        // comes a moment after its view, and would tell of a change just held that it is forgotten, and of one just
        // released that it is held.
        let view = self.view();
        if view.state.cursor >= revision && !view.state.held.contains_key(&revision) {
            // The outcome is noted before the view is swapped, so whoever sees the view finds the outcome.
            let recent = self.recent();
            let found = recent.settled.iter().rev().find(|(settled, _)| *settled == revision);
            return found.map_or(Fate::Forgotten, |(_, outcome)| Fate::Settled(outcome.clone()));
        }
        let standing = self.standing();
        let held = standing.held.iter().find(|held| held.revision == revision);
        held.map_or(Fate::Ahead, |held| Fate::Held(held.clone()))
    }

    /// Waits until this host can tell what became of an entry, or until `wait` has passed.
    pub async fn settled(&self, revision: Revision, wait: Duration) -> Fate {
        let mut installs = self.subscribe();
        let settled = async {
            loop {
                installs.borrow_and_update();
                match self.fate(revision) {
                    Fate::Ahead | Fate::Held(_) => (),
                    fate @ (Fate::Settled(_) | Fate::Forgotten) => return fate,
                }
                if installs.changed().await.is_err() {
                    return self.fate(revision);
                }
            }
        };
        match tokio::time::timeout(wait, settled).await {
            Ok(fate) => fate,
            Err(_) => self.fate(revision),
        }
    }

    /// Serves the state of a batch that is on disk.
    pub(crate) fn install(&self, batch: &Batch) {
        self.recent().note(batch);
        let mut withheld = self.withheld.lock().expect("nothing panics while it holds this lock");
        if withheld.as_ref().is_some_and(|(until, _)| batch.state.cursor < *until) {
            return;
        }
        if withheld.take().is_some() {
            // What led here from what was served nobody saw.
            self.recent().start_over(batch.state.cursor);
            // Before the view: whoever sees that finds nothing said any more.
            self.standing.store(Arc::new(Standing { probation: None, ..Standing::clone(&self.standing()) }));
        }
        drop(withheld);
        self.view.store(Arc::new(View { state: batch.state.clone(), installed_ms: wall_ms() }));
        self.installs.send_modify(|installs| *installs += 1);
    }

    /// Serves what a store had, after another state was served for a while.
    pub fn go_on(&self, state: State) {
        self.install(&Batch { number: 0, steps: Vec::new(), state, is_restored: true });
    }

    /// Notes how the host stands.
    pub(crate) fn stand(&self, standing: Standing) {
        self.standing.store(Arc::new(self.shown(standing)));
    }

    /// How a host stands, by what it serves.
    pub(crate) fn shown(&self, standing: Standing) -> Standing {
        match &*self.withheld.lock().expect("nothing panics while it holds this lock") {
            None => standing,
            Some((_, why)) => Standing { state: self.view().state.clone(), probation: Some(why.clone()), ..standing },
        }
    }

    /// What is served now stays until a state comes that has the entry `until`; until then this is said.
    pub fn withhold(&self, until: Revision, why: Lost) {
        *self.withheld.lock().expect("nothing panics while it holds this lock") = Some((until, why));
        self.stand(Standing::clone(&self.standing()));
    }

    /// Notes an answer from the log, and whether it brought anything.
    pub(crate) fn freshen(&self, has_entries: bool) {
        let now_ms = wall_ms();
        self.fresh_ms.store(now_ms, Ordering::Relaxed);
        if has_entries {
            self.heard_ms.store(now_ms, Ordering::Relaxed);
        }
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().expect("nothing panics while it holds this lock")
    }
}

impl Recent {
    fn note(&mut self, batch: &Batch) {
        if batch.is_restored {
            // What changed between the two states nobody saw.
            self.start_over(batch.state.cursor);
        }
        for step in &batch.steps {
            self.fences(step.entry(), &batch.state);
            match step {
                Step::Folded(settled) => self.settle(settled, settled.entry.revision),
                Step::Released(settled) => self.settle(settled, batch.state.cursor),
                Step::Held(_) => (),
            }
        }
    }

    /// Tokens are taken when an entry is passed, whatever becomes of it.
    fn fences(&mut self, entry: &Entry, state: &State) {
        let at = self.touched.back().map_or(entry.revision, |last| last.at.max(entry.revision));
        let fences = entry.content.iter().flat_map(|change| &change.fences);
        let moved = fences.filter(|fence| [entry.revision, Revision::ZERO].contains(&state.revision_of(&fence.key)));
        self.touched.extend(moved.map(|fence| Touch { at, key: fence.key.clone() }));
    }

    fn start_over(&mut self, from: Revision) {
        self.touched.clear();
        self.complete_after = from;
    }

    fn settle(&mut self, settled: &Settled, at: Revision) {
        if let Ok(change) = &settled.entry.content {
            // A release is placed at the cursor, which later entries of the same batch may have passed.
            let at = self.touched.back().map_or(at, |last| last.at.max(at));
            self.touched.extend(change.written(&settled.outcome).map(|key| Touch { at, key: key.clone() }));
        }
        while self.touched.len() > TOUCHED_MAX
            && let Some(oldest) = self.touched.pop_front()
        {
            self.complete_after = Revision { seq: oldest.at.seq.saturating_add(1), ..oldest.at };
        }
        self.settled.push_back((settled.entry.revision, settled.outcome.clone()));
        if self.settled.len() > SETTLED_MAX {
            self.settled.pop_front();
        }
    }
}

/// Milliseconds since 1970 by this host's clock; for people and for ages, never for a decision.
pub fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
