//! Who compiles: this process, or a child of it that has bounds of its own (decision 14).

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use sluice_core::Limits;

use crate::engine::Machine;
use crate::image;
use crate::library::{COMPONENT_BYTES_MAX, Gap, Unfit};
use crate::run;
use crate::weight;

/// How far the compiler stands back behind what is served, as `nice` counts; of its own thread alone on Linux.
pub(crate) const COMPILER_NICE: i32 = 5;
/// Bytes of stack of the compiler, which recurses over its input.
const COMPILER_STACK_BYTES: usize = 32 << 20;

/// Where components are compiled and images made.
#[derive(Clone, Debug, Default)]
pub enum Compiler {
    /// On a thread of this process. What it is given is bounded, and what it uses is not.
    #[default]
    Within,
    /// In a process of its own for each component or image.
    Child(Child),
}

/// A program that calls [`crate::compile`] with its stdin and stdout, and what it may use.
#[derive(Clone, Debug)]
pub struct Child {
    /// The program. It must be of the same build as this process.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its bounds.
    pub bounds: Bounds,
}

/// What a child may use. A child that needs more has no say on the component: its host holds what needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of memory it may write to (`RLIMIT_DATA`).
    pub memory_bytes: u64,
    /// Seconds of processor time (`RLIMIT_CPU`), rounded up.
    pub cpu: Duration,
    /// By the clock: for one that waits, or that stands back behind what is served.
    pub time: Duration,
}

impl Default for Bounds {
    /// Several times what the heaviest component within the bounds of its bytes takes on a slow machine.
    fn default() -> Bounds {
        Bounds { memory_bytes: 2 << 30, cpu: Duration::from_secs(300), time: Duration::from_secs(900) }
    }
}

/// What to make of a component's bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Job<'j> {
    /// Its code.
    Component,
    /// The code of its image with these settings.
    Image { settings: &'j str, limits: &'j Limits },
}

/// Refuses what no host would compile.
///
/// # Errors
/// Why, the same on every host.
pub(crate) fn check(bytes: &[u8]) -> Result<(), Unfit> {
    if bytes.len() > COMPONENT_BYTES_MAX {
        return Err(Unfit(format!("has {} bytes: at most {COMPONENT_BYTES_MAX} are compiled", bytes.len())));
    }
    if !bytes.starts_with(b"\0asm\x0d\0\x01\0") {
        return Err(Unfit("is not a WebAssembly component".into()));
    }
    weight::check(bytes)
}

impl Machine {
    /// Does a job in this process: native code, serialised.
    pub(crate) fn code(&self, job: Job<'_>, bytes: &[u8]) -> Result<Vec<u8>, Gap> {
        match job {
            Job::Component => self.compiled(bytes),
            Job::Image { settings, limits } => self.compiled(&image::made(self, bytes, settings, limits)?),
        }
    }

    /// Compiles a component, on a thread with a large stack: the compiler recurses, and a panic in it must not
    /// take the process along.
    pub(crate) fn compiled(&self, bytes: &[u8]) -> Result<Vec<u8>, Gap> {
        check(bytes)?;
        let compiled = thread::scope(|scope| {
            let builder = thread::Builder::new().name("sluice-compile".into()).stack_size(COMPILER_STACK_BYTES);
            let compile = || {
                // What is being served comes first. On a system without such a thing all is as urgent.
                let _ = rustix::process::nice(COMPILER_NICE);
                self.engine.precompile_component(bytes)
            };
            builder.spawn_scoped(scope, compile).map(thread::ScopedJoinHandle::join)
        });
        match compiled {
            Ok(Ok(Ok(code))) => Ok(code),
            Ok(Ok(Err(error))) if run::is_short_of_room(&error) => {
                Err(Gap::Missing(format!("this host cannot compile it: {error:#}")))
            }
            Ok(Ok(Err(error))) => Err(Unfit::new(&format!("does not compile: {error:#}")).into()),
            Ok(Err(_)) => Err(Gap::Unfit("does not compile: the compiler gave up".into())),
            Err(error) => Err(Gap::Missing(format!("no thread to compile it: {error}"))),
        }
    }
}
