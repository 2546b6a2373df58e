//! The terminal, which belongs to one process group at a time: while the command runs, to its.

use rustix::process::{Pid, getpgrp};
use rustix::stdio::stdin;
use rustix::termios::{tcgetpgrp, tcsetpgrp};

/// A terminal that was ours, and is lent. Dropped, it is ours again.
pub struct Terminal {
    ours: Pid,
    theirs: Pid,
}

impl Terminal {
    /// Lends it to a group, if stdin is one and it is ours to lend.
    pub fn lend(theirs: Pid) -> Option<Terminal> {
        let ours = getpgrp();
        let is_ours = tcgetpgrp(stdin()).is_ok_and(|group| group == ours);
        (is_ours && tcsetpgrp(stdin(), theirs).is_ok()).then_some(Terminal { ours, theirs })
    }

    /// Lets us take it back although it is not ours. Whatever is started after this could do so, too.
    pub fn keep_hold(&self) {
        // SAFETY: this ignores a signal that nothing here handles, and touches nothing else.
        unsafe { libc::signal(libc::SIGTTOU, libc::SIG_IGN) };
    }

    /// Takes it back.
    pub fn take_back(&self) {
        // A terminal that hung up is nobody's.
        let _ = tcsetpgrp(stdin(), self.ours);
    }

    /// Lends it again, unless a shell has brought us back without it.
    pub fn lend_again(&self) {
        if tcgetpgrp(stdin()).is_ok_and(|group| group == self.ours) {
            let _ = tcsetpgrp(stdin(), self.theirs);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.take_back();
    }
}
