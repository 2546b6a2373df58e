//! The clocks a lock is counted by.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Time, for locks. Tests have a clock of their own.
pub trait Clock: Send + Sync {
    /// A clock that never jumps, and goes on while the machine sleeps, in ms.
    fn now_ms(&self) -> u64;

    /// The wall clock, in us since 1970.
    fn wall_us(&self) -> u64;
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine;

/// The clock of `std` stands still while a machine sleeps, and a lock would seem to be held when it wakes. Elsewhere the
/// monotonic clock is the best there is.
#[cfg(target_os = "linux")]
const STEADY: libc::clockid_t = libc::CLOCK_BOOTTIME;
#[cfg(not(target_os = "linux"))]
const STEADY: libc::clockid_t = libc::CLOCK_MONOTONIC;

impl Clock for Machine {
    fn now_ms(&self) -> u64 {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: it writes to the value it is given, and to nothing else.
        let code = unsafe { libc::clock_gettime(STEADY, &raw mut time) };
        assert_eq!(code, 0, "every kernel that runs this has the clock");
        let spent = Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32);
        spent.as_millis() as u64
    }

    fn wall_us(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64
    }
}
