//! What takes long, done beside the apply path: fetching and compiling components, and making images.
//!
//! Whoever needs a component that is not at hand is told to come again; the node then holds the keys it is
//! about and goes on with all others.

use std::collections::{HashMap, HashSet};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use sluice_core::{Binding, Digest};
use sluice_node::Blobs;
use tokio::runtime::Handle;

use crate::compiler::Job;
use crate::image;
use crate::library::{Gap, Library};

/// Failures remembered; at the limit all are tried again.
const FAILED_MAX: usize = 4096;
/// First pause after something could not be made, and the longest; it doubles in between. What asks comes again at its
/// own pace, and each attempt may cost all that a compiler is given.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// Does one thing at a time, in the background.
pub(crate) struct Workshop {
    library: Arc<Library>,
    blobs: Arc<dyn Blobs>,
    runtime: Handle,
    bench: Arc<Bench>,
}

/// What is being worked on, and what was in vain.
#[derive(Default)]
struct Bench {
    work: Mutex<Work>,
    idle: Condvar,
}

#[derive(Default)]
struct Work {
    busy: HashSet<Digest>,
    failed: HashMap<Digest, Failure>,
    /// Fuel that configuring took so far, by the image that would have spared it.
    spent: HashMap<Digest, u64>,
}

/// What became of an order the last time.
#[derive(Clone)]
struct Failure {
    gap: Gap,
    /// Times in a row that it could not be made.
    times: u32,
    /// Not to be tried again before then.
    until: Option<Instant>,
}

impl Workshop {
    pub(crate) fn new(library: Arc<Library>, blobs: Arc<dyn Blobs>, runtime: Handle) -> Workshop {
        Workshop { library, blobs, runtime, bench: Arc::default() }
    }

    /// Orders a component, unless it is on its way. Says what became of the order before.
    pub(crate) fn component(&self, digest: Digest) -> Gap {
        let waiting = Gap::Missing(format!("component {digest} is being fetched and compiled"));
        let before = match self.bench.begin(digest) {
            // What went wrong the last time says more than that it is being tried again.
            Begun::Already(before) => return before.unwrap_or(waiting),
            Begun::Not(gap) => return gap,
            Begun::Now(before) => before,
        };
        let library = self.library.clone();
        self.start(digest, digest, move |bytes| library.add(digest, &bytes).map(drop));
        before.unwrap_or(waiting)
    }

    /// Notes what configuring a binding cost a call, and orders its image once that has been enough.
    pub(crate) fn configured(&self, binding: &Binding, fuel: u64) {
        if fuel < image::WORTH_FUEL {
            return;
        }
        let name = self.library.image_name(binding);
        let worth = self.library.code_bytes(binding.component) as u64 * image::COMPILE_FUEL;
        let spent = self.bench.spent(name, fuel);
        if spent == fuel && self.library.is_shelved(name) {
            self.take_down(name);
        } else if spent >= worth {
            self.image(binding, name);
        }
    }

    /// Takes an image that an earlier process made, which needs neither work nor the component.
    fn take_down(&self, name: Digest) {
        if !matches!(self.bench.begin(name), Begun::Now(_)) {
            return;
        }
        let (library, bench) = (self.library.clone(), self.bench.clone());
        let worker = move || {
            drop(library.find(name));
            bench.end(name, Ok(()), None);
        };
        if thread::Builder::new().name("sluice-workshop".into()).spawn(worker).is_err() {
            self.bench.end(name, Ok(()), None);
        }
    }

    /// Orders the image of a binding, unless it is on its way or cannot be.
    fn image(&self, binding: &Binding, name: Digest) {
        if !matches!(self.bench.begin(name), Begun::Now(_)) {
            return;
        }
        let (library, settings, limits) = (self.library.clone(), binding.settings.clone(), binding.limits);
        let validator = binding.name.clone();
        self.start(name, binding.component, move |bytes| {
            let made = library.made(name, Job::Image { settings: &settings, limits: &limits }, &bytes).map(drop);
            made.inspect_err(|gap| tracing::info!(%validator, ?gap, "no image: it is configured in each call"))
        });
    }

    /// Waits until nothing is being worked on. For tests and benchmarks.
    pub(crate) fn wait(&self) {
        let work = self.bench.idle.wait_while(self.bench.work(), |work| !work.busy.is_empty());
        drop(work.expect("nothing panics while it holds this lock"));
    }

    /// Fetches a component and hands it to `work` on a thread of its own.
    fn start(&self, order: Digest, component: Digest, work: impl FnOnce(Vec<u8>) -> Result<(), Gap> + Send + 'static) {
        let (blobs, bench) = (self.blobs.clone(), self.bench.clone());
        self.runtime.spawn(async move {
            let bytes = match blobs.fetch(component).await {
                Ok(bytes) if Digest::of(&bytes) == component => bytes,
                Ok(_) => return bench.missing(order, format!("component {component}: what came has another digest")),
                Err(lost) => return bench.missing(order, format!("component {component}: {}", lost.0)),
            };
            let at_work = bench.clone();
            let worker = move || {
                // An order that nobody ends would be waited for for ever.
                let result = panic::catch_unwind(AssertUnwindSafe(|| work(bytes.to_vec())));
                let gave_up = || Err(Gap::Missing("what compiles it gave up".into()));
                let result = result.unwrap_or_else(|_| gave_up());
                at_work.end(order, result.map_err(|gap| gap.about(component)), Some(Instant::now()));
            };
            if let Err(error) = thread::Builder::new().name("sluice-workshop".into()).spawn(worker) {
                bench.missing(order, format!("component {component}: no thread to compile it: {error}"));
            }
        });
    }
}

/// What an order finds.
enum Begun {
    /// Nobody at it; perhaps a failure before.
    Now(Option<Gap>),
    /// Somebody at it; perhaps a failure before.
    Already(Option<Gap>),
    /// It failed for good, or not long ago.
    Not(Gap),
}

impl Bench {
    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().expect("nothing panics while it holds this lock")
    }

    /// Takes an order on, unless it is taken. What failed for good is not tried again, and other failures in time.
    fn begin(&self, order: Digest) -> Begun {
        let mut work = self.work();
        let before = match work.failed.get(&order) {
            Some(Failure { gap: gap @ Gap::Unfit(_), .. }) => return Begun::Not(gap.clone()),
            Some(Failure { gap, until: Some(until), .. }) if Instant::now() < *until => return Begun::Not(gap.clone()),
            Some(Failure { gap, .. }) => Some(gap.clone()),
            None => None,
        };
        if work.busy.insert(order) { Begun::Now(before) } else { Begun::Already(before) }
    }

    fn spent(&self, name: Digest, fuel: u64) -> u64 {
        let mut work = self.work();
        if work.spent.len() >= FAILED_MAX {
            work.spent.clear();
        }
        let spent = work.spent.entry(name).or_default();
        *spent = spent.saturating_add(fuel);
        *spent
    }

    /// What could not be fetched may be there any moment: whoever wants it says when to look again.
    fn missing(&self, order: Digest, why: String) {
        self.end(order, Err(Gap::Missing(why)), None);
    }

    /// Notes how an order ended; `made` says when an attempt to make it did.
    fn end(&self, order: Digest, result: Result<(), Gap>, made: Option<Instant>) {
        let mut work = self.work();
        work.busy.remove(&order);
        if work.failed.len() >= FAILED_MAX {
            work.failed.clear();
        }
        let times = work.failed.remove(&order).map_or(0, |failure| failure.times);
        if let Err(gap) = result {
            let until = made.map(|made| made + pause(times));
            work.failed.insert(order, Failure { gap, times: times + u32::from(made.is_some()), until });
        }
        if work.busy.is_empty() {
            self.idle.notify_all();
        }
    }
}

/// How long to leave alone what could not be made so many times before.
fn pause(times: u32) -> Duration {
    PAUSE.0.saturating_mul(1 << times.min(20)).min(PAUSE.1)
}

#[cfg(test)]
#[path = "workshop_tests.rs"]
mod tests;
