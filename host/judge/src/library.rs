//! Components, compiled and kept at hand.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::thread;

use sluice_core::{Binding, Digest};
use wasmtime::component::Component;

use crate::ceilings::Ceilings;
use crate::compiler::{self, Compiler, Job};
use crate::engine::{Build, Machine};
use crate::finding::clean;
use crate::guest::Prepared;
use crate::key;
use crate::run;
use crate::shelf::Shelf;

/// Bytes of a component: a whole Python is 18 MiB. What the compiler needs grows with it.
pub const COMPONENT_BYTES_MAX: usize = 32 << 20;
/// Bytes of compiled code at hand, components and images together; the least lately added makes room. What had to
/// go is taken from disk again, at about a millisecond for each megabyte.
const AT_HAND_BYTES_MAX: usize = 512 << 20;
/// Bytes of the reason why a component is none.
const WHY_BYTES_MAX: usize = 1024;

/// Where a library keeps its things and how much it may do at the same time.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder of compiled components; without one each start compiles anew.
    pub cache: Option<PathBuf>,
    /// Validators running at the same time; further ones wait. Defends memory: each may hold its limit.
    pub slots: NonZeroUsize,
    /// Who compiles.
    pub compiler: Compiler,
    /// What bindings get at most. Defends a small host; what wants more is held there.
    pub ceilings: Ceilings,
}

/// All components a host has needed so far.
pub struct Library {
    pub(crate) machine: Machine,
    shelf: Option<Shelf>,
    /// Known to this host alone: with it images are named.
    secret: [u8; 32],
    at_hand: RwLock<AtHand>,
    compiler: Compiler,
    pub(crate) ceilings: Ceilings,
    compiling: Mutex<()>,
}

/// Why a component cannot be a validator, in words for whoever pushed it. The same on every host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit(pub String);

/// Why a component is not to be had.
#[derive(Clone, Debug)]
pub(crate) enum Gap {
    /// Not here, for now.
    Missing(String),
    /// Here, and no validator; the same on every host.
    Unfit(String),
}

impl Gap {
    /// What is missing has a name; who is unfit is told to those that named it.
    pub(crate) fn about(self, component: Digest) -> Gap {
        match self {
            Gap::Missing(why) => Gap::Missing(format!("component {component}: {why}")),
            unfit @ Gap::Unfit(_) => unfit,
        }
    }
}

impl Unfit {
    /// In words that may come from the component itself, which is a stranger, and whose names end in terminals.
    pub(crate) fn new(why: &str) -> Unfit {
        Unfit(clean(&why.replace('\n', " "), WHY_BYTES_MAX).to_string())
    }
}

impl From<Unfit> for Gap {
    fn from(unfit: Unfit) -> Gap {
        Gap::Unfit(unfit.0)
    }
}

impl From<Gap> for Unfit {
    fn from(gap: Gap) -> Unfit {
        match gap {
            Gap::Missing(why) | Gap::Unfit(why) => Unfit(why),
        }
    }
}

#[derive(Default)]
struct AtHand {
    prepared: HashMap<Digest, (Arc<Prepared>, usize)>,
    order: VecDeque<Digest>,
    bytes: usize,
}

impl Default for Settings {
    /// No cache, two slots for each processor, and compiling within.
    fn default() -> Settings {
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let slots = NonZeroUsize::new((2 * processors).clamp(4, 32)).expect("at least four");
        Settings { cache: None, slots, compiler: Compiler::Within, ceilings: Ceilings::default() }
    }
}

impl Library {
    /// # Errors
    /// When the cache folder cannot be used, or the system has no room for the engine's address space.
    pub fn open(settings: &Settings) -> io::Result<Library> {
        Library::built(settings, Build::default())
    }

    /// The same on an engine that is built otherwise.
    ///
    /// # Errors
    /// As [`Library::open`].
    pub fn built(settings: &Settings, build: Build) -> io::Result<Library> {
        let machine = Machine::new(settings.slots, build).map_err(|error| io::Error::other(format!("{error:#}")))?;
        let shelf = match &settings.cache {
            Some(folder) => Some(Shelf::open(folder, &machine.engine).map_err(|error| {
                io::Error::new(error.kind(), format!("cache folder {}: {error}", folder.display()))
            })?),
            None => None,
        };
        let secret = match shelf.as_ref().and_then(Shelf::key) {
            Some(key) => key,
            None => key::fresh()?,
        };
        let (compiler, ceilings) = (settings.compiler.clone(), settings.ceilings);
        let (at_hand, compiling) = (RwLock::default(), Mutex::new(()));
        Ok(Library { machine, shelf, secret, at_hand, compiler, ceilings, compiling })
    }

    /// A component that needs no work.
    pub(crate) fn at_hand(&self, digest: Digest) -> Option<Arc<Prepared>> {
        self.at_hand
            .read()
            .expect("nothing panics while it holds this lock")
            .prepared
            .get(&digest)
            .map(|(prepared, _)| prepared.clone())
    }

    /// A component that was compiled before, perhaps by an earlier process.
    pub(crate) fn find(&self, digest: Digest) -> Option<Arc<Prepared>> {
        // Not behind whoever compiles: that takes seconds, and this a millisecond, even if two do it at once.
        self.at_hand(digest).or_else(|| self.taken_down(digest))
    }

    /// Compiles a component and keeps it.
    pub(crate) fn add(&self, digest: Digest, bytes: &[u8]) -> Result<Arc<Prepared>, Gap> {
        self.made(digest, Job::Component, bytes)
    }

    /// Makes what is to be called so, and keeps it.
    pub(crate) fn made(&self, name: Digest, job: Job<'_>, bytes: &[u8]) -> Result<Arc<Prepared>, Gap> {
        let _one_at_a_time = self.compiling();
        let _across_processes = self.shelf.as_ref().and_then(Shelf::alone);
        if let Some(prepared) = self.at_hand(name).or_else(|| self.taken_down(name)) {
            return Ok(prepared);
        }
        let code = self.code(job, bytes)?;
        let component = self.loaded(&code)?;
        let prepared = Prepared::new(&self.machine.engine, &component).map_err(|why| Unfit::new(&why))?;
        self.shelve(name, &code);
        Ok(self.keep(name, prepared, code_bytes(&component)))
    }

    /// The component as compiled before, or compiled now and kept for whoever needs it next.
    pub(crate) fn compiled(&self, bytes: &[u8]) -> Result<Component, Gap> {
        let digest = Digest::of(bytes);
        let _one_at_a_time = self.compiling();
        if let Some(component) = self.shelved(digest) {
            return Ok(component);
        }
        let code = self.code(Job::Component, bytes)?;
        let component = self.loaded(&code)?;
        self.shelve(digest, &code);
        Ok(component)
    }

    fn code(&self, job: Job<'_>, bytes: &[u8]) -> Result<Vec<u8>, Gap> {
        compiler::check(bytes)?;
        match &self.compiler {
            Compiler::Within => self.machine.code(job, bytes),
            Compiler::Child(child) => child.code(&self.machine, job, bytes),
        }
    }

    /// Of what the code says, the engine's pool may have no place for it, which is the same on every host.
    fn loaded(&self, code: &[u8]) -> Result<Component, Gap> {
        // SAFETY: this engine made the code, or one of the same build in a child of ours, whose pipe nobody else
        // writes to; the answer's digest is checked. The child runs no code of the guest's outside its sandbox.
        let component = unsafe { Component::deserialize(&self.machine.engine, code) };
        component.map_err(|error| match run::is_short_of_room(&error) {
            true => Gap::Missing(format!("this host cannot load its code: {error:#}")),
            false => Unfit::new(&format!("does not compile: {error:#}")).into(),
        })
    }

    fn taken_down(&self, digest: Digest) -> Option<Arc<Prepared>> {
        let component = self.shelved(digest)?;
        Some(self.keep(digest, Prepared::new(&self.machine.engine, &component).ok()?, code_bytes(&component)))
    }

    fn shelved(&self, digest: Digest) -> Option<Component> {
        let code = self.shelf.as_ref()?.take(digest)?;
        // SAFETY: the shelf gives only what this very engine put there, digest checked.
        let component = unsafe { code.component(&self.machine.engine) };
        component.map_err(|error| tracing::warn!(%digest, %error, "compiled component not usable")).ok()
    }

    fn shelve(&self, digest: Digest, code: &[u8]) {
        let Some(shelf) = &self.shelf else { return };
        if let Err(error) = shelf.put(digest, code) {
            tracing::warn!(%digest, %error, "compiled component not kept on disk");
        }
    }

    fn keep(&self, digest: Digest, prepared: Prepared, bytes: usize) -> Arc<Prepared> {
        let prepared = Arc::new(prepared);
        let mut at_hand = self.at_hand.write().expect("nothing panics while it holds this lock");
        match at_hand.prepared.insert(digest, (prepared.clone(), bytes)) {
            None => at_hand.order.push_back(digest),
            Some((_, before)) => at_hand.bytes -= before,
        }
        at_hand.bytes += bytes;
        while at_hand.bytes > AT_HAND_BYTES_MAX
            && at_hand.order.len() > 1
            && let Some(oldest) = at_hand.order.pop_front()
            && let Some((_, bytes)) = at_hand.prepared.remove(&oldest)
        {
            at_hand.bytes -= bytes;
        }
        prepared
    }

    /// Names the image of a component with the settings of a binding. Keyed, so that no publisher can name it: a
    /// binding of an image would be let in on hosts that have made it, and on no others.
    pub(crate) fn image_name(&self, binding: &Binding) -> Digest {
        let mut hasher = blake3::Hasher::new_keyed(&self.secret);
        hasher.update(b"image").update(&binding.component.0).update(&binding.settings_digest.0);
        Digest(*hasher.finalize().as_bytes())
    }

    /// Whether a component was compiled before and is to be had from disk.
    pub(crate) fn is_shelved(&self, digest: Digest) -> bool {
        self.shelf.as_ref().is_some_and(|shelf| shelf.has(digest))
    }

    /// Bytes of code of a component at hand.
    pub(crate) fn code_bytes(&self, digest: Digest) -> usize {
        let at_hand = self.at_hand.read().expect("nothing panics while it holds this lock");
        at_hand.prepared.get(&digest).map_or(0, |(_, bytes)| *bytes)
    }

    // A panic of the compiler happens on a thread of its own, so the lock is never poisoned by one.
    fn compiling(&self) -> MutexGuard<'_, ()> {
        self.compiling.lock().expect("nothing panics while it holds this lock")
    }
}

fn code_bytes(component: &Component) -> usize {
    let range = component.image_range();
    range.end as usize - range.start as usize
}
