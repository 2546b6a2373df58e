//! Components, compiled and kept at hand.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::thread;

use sluice_core::{Binding, Digest};
use wasmtime::component::Component;

use crate::engine::{Build, Machine};
use crate::finding::clean;
use crate::guest::Prepared;
use crate::key;
use crate::shelf::Shelf;
use crate::weight;

/// Bytes of a component: a whole Python is 18 MiB. What the compiler needs grows with it, and nothing bounds the
/// compiler itself.
pub const COMPONENT_BYTES_MAX: usize = 32 << 20;
/// Bytes of compiled code at hand, components and images together; the least lately added makes room. What had to
/// go is taken from disk again, at about a millisecond for each megabyte.
const AT_HAND_BYTES_MAX: usize = 512 << 20;
/// Bytes of the reason why a component is none.
const WHY_BYTES_MAX: usize = 1024;
/// How far the compiler stands back behind what is served, as `nice` counts; of its own thread alone on Linux.
const COMPILER_NICE: i32 = 5;
/// Bytes of stack of the compiler, which recurses over its input.
const COMPILER_STACK_BYTES: usize = 32 << 20;

/// Where a library keeps its things and how much it may do at the same time.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder of compiled components; without one each start compiles anew.
    pub cache: Option<PathBuf>,
    /// Validators running at the same time; further ones wait. Defends memory: each may hold its limit.
    pub slots: NonZeroUsize,
}

/// All components a host has needed so far.
pub struct Library {
    pub(crate) machine: Machine,
    shelf: Option<Shelf>,
    /// Known to this host alone: with it images are named.
    secret: [u8; 32],
    at_hand: RwLock<AtHand>,
    compiler: Mutex<()>,
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
    /// No cache, and two slots for each processor.
    fn default() -> Settings {
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let slots = NonZeroUsize::new((2 * processors).clamp(4, 32)).expect("at least four");
        Settings { cache: None, slots }
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
        Ok(Library { machine, shelf, secret, at_hand: RwLock::default(), compiler: Mutex::new(()) })
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
        let _one_at_a_time = self.compiler();
        let _across_processes = self.shelf.as_ref().and_then(Shelf::alone);
        if let Some(prepared) = self.at_hand(digest).or_else(|| self.taken_down(digest)) {
            return Ok(prepared);
        }
        let component = self.compile(bytes)?;
        let prepared = Prepared::new(&self.machine.engine, &component).map_err(|why| Unfit::new(&why))?;
        self.shelve(digest, &component);
        Ok(self.keep(digest, prepared, code_bytes(&component)))
    }

    /// The component as compiled before, or compiled now and kept for whoever needs it next.
    pub(crate) fn compiled(&self, bytes: &[u8]) -> Result<Component, Gap> {
        let digest = Digest::of(bytes);
        let _one_at_a_time = self.compiler();
        if let Some(component) = self.shelved(digest) {
            return Ok(component);
        }
        let component = self.compile(bytes)?;
        self.shelve(digest, &component);
        Ok(component)
    }

    /// Compiles a component, on a thread with a large stack: the compiler recurses, and a panic in it must
    /// not take the host along.
    pub(crate) fn compile(&self, bytes: &[u8]) -> Result<Component, Gap> {
        if bytes.len() > COMPONENT_BYTES_MAX {
            return Err(Gap::Unfit(format!("has {} bytes: at most {COMPONENT_BYTES_MAX} are compiled", bytes.len())));
        }
        if !bytes.starts_with(b"\0asm\x0d\0\x01\0") {
            return Err(Gap::Unfit("is not a WebAssembly component".into()));
        }
        weight::check(bytes)?;
        let compiled = thread::scope(|scope| {
            let builder = thread::Builder::new().name("sluice-compile".into()).stack_size(COMPILER_STACK_BYTES);
            let compile = || {
                // What is being served comes first. On a system without such a thing all is as urgent.
                let _ = rustix::process::nice(COMPILER_NICE);
                Component::new(&self.machine.engine, bytes)
            };
            builder.spawn_scoped(scope, compile).map(thread::ScopedJoinHandle::join)
        });
        match compiled {
            Ok(Ok(Ok(component))) => Ok(component),
            Ok(Ok(Err(error))) => Err(Unfit::new(&format!("does not compile: {error:#}")).into()),
            Ok(Err(_)) => Err(Gap::Unfit("does not compile: the compiler gave up".into())),
            Err(error) => Err(Gap::Missing(format!("no thread to compile it: {error}"))),
        }
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

    fn shelve(&self, digest: Digest, component: &Component) {
        let Some(shelf) = &self.shelf else { return };
        let code = component.serialize().map_err(|error| io::Error::other(format!("{error:#}")));
        if let Err(error) = code.and_then(|code| shelf.put(digest, &code)) {
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
    fn compiler(&self) -> MutexGuard<'_, ()> {
        self.compiler.lock().expect("nothing panics while it holds this lock")
    }
}

fn code_bytes(component: &Component) -> usize {
    let range = component.image_range();
    range.end as usize - range.start as usize
}
