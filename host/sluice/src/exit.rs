//! How a command ends: the exit codes people script against (`sluice help exit-codes`).

use std::fmt;
use std::process::ExitCode;

/// What `sluice help exit-codes` prints.
pub const TEXT: &str = "\
0   yes, or done
1   the answer is no: refused, differs, failed, not found, not converged
2   wrong usage or settings
3   Redis or the host could not be reached, or --timeout ran out
4   a race was lost: conflict, fenced, lock lost
5   indeterminate: sent, and no answer tells whether it was taken; or appended, and less durable than --durable asked for
70  a bug in sluice
lock run ends as its command does: with its code, 128 and the signal's number, 127 when there is no such command, 126 when it
cannot be run; 4 when the lock was not had in time or was lost
";

/// The answer of a command that worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Yes, or done.
    Yes,
    /// No: the command worked, and this is what it found.
    No,
    /// Somebody else was first.
    Raced,
    /// As a command ended that was run.
    Code(u8),
}

/// Why a command did not come to an answer, by what its caller can do about it. Everything else is a bug
/// or the machine's fault, and ends as `anyhow` errors do.
#[derive(Debug)]
pub enum Failure {
    /// Change the command line or the settings.
    Usage(String),
    /// See to it that Redis or the host is up, or wait longer.
    Away(String),
    /// Do it again with the same token, or live with the risk.
    Indeterminate(String),
    /// Somebody else was first: look at what they did, and try again.
    Raced(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(why) | Failure::Away(why) | Failure::Indeterminate(why) | Failure::Raced(why) => {
                f.write_str(why)
            }
        }
    }
}

impl std::error::Error for Failure {}

/// A usage error.
pub fn usage(why: impl fmt::Display) -> anyhow::Error {
    Failure::Usage(why.to_string()).into()
}

/// An error of reach.
pub fn away(why: impl fmt::Display) -> anyhow::Error {
    Failure::Away(why.to_string()).into()
}

/// A race that was lost.
pub fn raced(why: impl fmt::Display) -> anyhow::Error {
    Failure::Raced(why.to_string()).into()
}

/// Says what went wrong on stderr, on one line, and picks the code.
pub fn code(result: anyhow::Result<Ended>) -> ExitCode {
    match result {
        Ok(Ended::Yes) => ExitCode::SUCCESS,
        Ok(Ended::No) => ExitCode::from(1),
        Ok(Ended::Raced) => ExitCode::from(4),
        Ok(Ended::Code(code)) => ExitCode::from(code),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            match error.chain().find_map(|cause| cause.downcast_ref::<Failure>()) {
                Some(Failure::Usage(_)) => ExitCode::from(2),
                Some(Failure::Away(_)) => ExitCode::from(3),
                Some(Failure::Indeterminate(_)) => ExitCode::from(5),
                Some(Failure::Raced(_)) => ExitCode::from(4),
                None => ExitCode::from(1),
            }
        }
    }
}

/// `sluice ls | head` is no error.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
