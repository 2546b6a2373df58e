//! A child process that compiles, as the host sees it: started, bounded, watched, and believed only when whole.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child as Process, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, getpid, getppid, nice, pidfd_open, pidfd_send_signal,
    set_parent_process_death_signal, setrlimit,
};

use crate::compiler::{Bounds, COMPILER_NICE, Child, Job};
use crate::engine::{MEMORIES_MAX, Machine};
use crate::library::Gap;
use crate::wire::{Order, read_answer};

/// Bytes of an answer: code is some ten times as large as its component at most.
const ANSWER_BYTES_MAX: u64 = 512 << 20;
/// Address space of a child beside the memory it may write to: its program, and what is set aside and never used.
const ADDRESSES: u64 = 4 << 30;
/// Address space that each memory of an instance takes, whatever it uses of it; for images, which run `configure`.
const ADDRESSES_A_MEMORY: u64 = 6 << 30;

/// A process that is gone, and waited for, when dropped.
struct Reaped(Process);

impl Child {
    /// Has a job done. Every way a child can fail is this host's fault and no verdict: another may manage.
    pub(crate) fn code(&self, machine: &Machine, job: Job<'_>, component: &[u8]) -> Result<Vec<u8>, Gap> {
        let order = Order { engine: machine.fingerprint(), build: machine.build, job, component };
        let started = written(&order).and_then(|order| self.start(order, job));
        let process = started.map_err(|error| {
            let program = self.program.display();
            Gap::Missing(format!("its compiler {program} does not start: {error}: it is the host's own executable"))
        })?;
        let (answer, ended) = self.watched(process)?;
        // It may end as it likes once it has said all.
        read_answer(&answer).unwrap_or_else(|| Err(Gap::Missing(self.died(ended))))
    }

    fn start(&self, order: File, job: Job<'_>) -> io::Result<Reaped> {
        let mut command = Command::new(&self.program);
        command.args(&self.args).env_clear().current_dir("/");
        command.stdin(order).stdout(Stdio::piped()).stderr(Stdio::null());
        let (bounds, addresses, parent) = (self.bounds, job.addresses(), getpid());
        // SAFETY: between fork and exec there are system calls alone, and nothing allocates.
        unsafe {
            command.pre_exec(move || bounded(bounds, addresses, parent));
        }
        command.spawn().map(Reaped)
    }

    /// Reads what it says until it has ended. One that takes too long is killed.
    fn watched(&self, mut process: Reaped) -> Result<(Vec<u8>, ExitStatus), Gap> {
        let lost = |error: io::Error| Gap::Missing(format!("its compiler cannot be watched: {error}"));
        let handle =
            &pidfd_open(Pid::from_child(&process.0), PidfdFlags::empty()).map_err(|error| lost(error.into()))?;
        let stdout = process.0.stdout.take().expect("stdout is piped");
        let (done, is_done) = channel::<()>();
        thread::scope(|scope| {
            let time = self.bounds.time;
            let watch = move || {
                let is_late = is_done.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
                // It may have ended just now.
                let _ = if is_late { pidfd_send_signal(handle, Signal::KILL) } else { Ok(()) };
                is_late
            };
            let watch = thread::Builder::new().name("sluice-watch".into()).spawn_scoped(scope, watch).map_err(lost)?;
            let mut answer = Vec::new();
            let read = stdout.take(ANSWER_BYTES_MAX).read_to_end(&mut answer);
            let ended = process.0.wait();
            drop(done);
            if watch.join().expect("it only waits") {
                return Err(Gap::Missing(self.late()));
            }
            read.and(ended).map(|ended| (answer, ended)).map_err(lost)
        })
    }

    fn late(&self) -> String {
        let seconds = self.bounds.time.as_secs_f32();
        format!("its compiler took longer than {seconds} s: raise compiler.time_s of this host, or give it less to do")
    }

    fn died(&self, ended: ExitStatus) -> String {
        let Bounds { memory_bytes, cpu, .. } = self.bounds;
        let signal = ended.signal().and_then(Signal::from_named_raw);
        match signal {
            Some(Signal::XCPU) => {
                let seconds = cpu.as_secs_f32();
                format!("its compiler used up {seconds} s of processor time: raise compiler.cpu_s of this host")
            }
            Some(Signal::ABORT | Signal::SEGV | Signal::BUS) => format!(
                "its compiler broke down ({ended}), most likely for want of memory: raise compiler.memory_bytes of this \
                 host above {memory_bytes}"
            ),
            Some(_) => format!("its compiler was killed ({ended}): see the log of the system for who did it"),
            None => format!("its compiler gave no answer that is whole ({ended}): it is the host's own executable"),
        }
    }
}

impl Job<'_> {
    /// Address space that is set aside and mostly not used.
    fn addresses(self) -> u64 {
        match self {
            Job::Component => ADDRESSES,
            Job::Image { .. } => ADDRESSES + u64::from(MEMORIES_MAX) * ADDRESSES_A_MEMORY,
        }
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        // It may have ended by itself, which is just as well.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The order in memory that has a descriptor: a pipe would have to be fed while the answer is read.
fn written(order: &Order<'_>) -> io::Result<File> {
    let mut file = File::from(memfd_create("sluice-order", MemfdFlags::CLOEXEC)?);
    let mut buffered = io::BufWriter::new(&mut file);
    order.write(&mut buffered)?;
    buffered.flush()?;
    drop(buffered);
    file.rewind()?;
    Ok(file)
}

/// What the new process does to itself before it becomes the compiler.
fn bounded(bounds: Bounds, addresses: u64, parent: Pid) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before we asked.
    if getppid() != Some(parent) {
        return Err(io::ErrorKind::NotConnected.into());
    }
    let seconds = bounds.cpu.as_secs() + u64::from(bounds.cpu.subsec_nanos() > 0);
    for (resource, most, more) in [
        (Resource::Data, bounds.memory_bytes, 0),
        (Resource::As, bounds.memory_bytes.saturating_add(addresses), 0),
        // The first ends it by a signal of its own, which tells why.
        (Resource::Cpu, seconds, 5),
        (Resource::Core, 0, 0),
    ] {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most.saturating_add(more)) })?;
    }
    // On a system without such a thing all is as urgent.
    let _ = nice(COMPILER_NICE);
    // SAFETY: it touches no memory. What has no such call lets through what the host's own starter left open.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
    }
    Ok(())
}
