//! What a host and the child that compiles for it say to each other: one order, one answer.
//!
//! ```text
//! order   magic, engine u64, build u8, then three parts: settings, limits, component; none of limits: no image
//! answer  magic, status u8, one part, BLAKE3 of status and part
//! part    length u64, bytes; numbers are big-endian
//! ```

use std::fs;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;

use sluice_core::Limits;

use crate::compiler::Job;
use crate::engine::{Build, Machine};
use crate::library::Gap;

const ORDER: &[u8; 16] = b"sluice order v1\n";
const ANSWER: &[u8; 16] = b"sluice code v1\n\n";
const BUILDS: [Build; 4] = [Build::Pooled, Build::OnDemand, Build::Unoptimised, Build::Interpreted];

/// The whole life of a child that compiles: reads one order, does it, writes the answer.
///
/// # Errors
/// When there is no order, or nobody takes the answer.
pub fn compile(mut stdin: impl Read, mut stdout: impl Write) -> io::Result<()> {
    // Should the machine run out of memory, this process is what it can do without.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    let mut order = Vec::new();
    stdin.read_to_end(&mut order)?;
    let no_order = || io::Error::new(io::ErrorKind::InvalidData, "no order on stdin: only a host starts this");
    let order = Order::read(&order).ok_or_else(no_order)?;
    write_answer(&mut stdout, &order.done())?;
    stdout.flush()
}

/// What is to be done, and by which engine.
pub(crate) struct Order<'o> {
    pub(crate) engine: u64,
    pub(crate) build: Build,
    pub(crate) job: Job<'o>,
    pub(crate) component: &'o [u8],
}

impl<'o> Order<'o> {
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let (settings, limits) = match self.job {
            Job::Component => ("", Vec::new()),
            Job::Image { settings, limits } => {
                (settings, numbers(limits).into_iter().flat_map(u64::to_be_bytes).collect())
            }
        };
        let build = BUILDS.iter().position(|build| *build == self.build).expect("all builds are there");
        out.write_all(ORDER)?;
        out.write_all(&self.engine.to_be_bytes())?;
        out.write_all(&[build as u8])?;
        [settings.as_bytes(), &limits, self.component].iter().try_for_each(|part| write_part(out, part))
    }

    /// The order, unless the bytes are something else.
    fn read(mut bytes: &'o [u8]) -> Option<ReadOrder<'o>> {
        let from = &mut bytes;
        if take(from, 16)? != ORDER {
            return None;
        }
        let engine = number(from)?;
        let build = *BUILDS.get(usize::from(take(from, 1)?[0]))?;
        let settings = std::str::from_utf8(part(from)?).ok()?;
        let limits = part(from)?;
        let limits = match limits.is_empty() {
            true => None,
            false => Some(limits_of(limits)?),
        };
        let component = part(from)?;
        from.is_empty().then_some(ReadOrder { engine, build, settings, limits, component })
    }
}

/// An order as it arrived.
struct ReadOrder<'o> {
    engine: u64,
    build: Build,
    settings: &'o str,
    limits: Option<Limits>,
    component: &'o [u8],
}

impl ReadOrder<'_> {
    fn done(&self) -> Result<Vec<u8>, Gap> {
        // A pool sets address space aside for many calls. There is one at most here, and its code is the same.
        let build = match self.build {
            Build::Pooled | Build::OnDemand => Build::OnDemand,
            other @ (Build::Unoptimised | Build::Interpreted) => other,
        };
        let failed = |error| Gap::Missing(format!("its compiler has no engine: {error:#}"));
        let machine = Machine::new(NonZeroUsize::MIN, build).map_err(failed)?;
        if machine.fingerprint() != self.engine {
            return Err(Gap::Missing("its compiler is of another build than the host: restart the host".into()));
        }
        let job = match &self.limits {
            None => Job::Component,
            Some(limits) => Job::Image { settings: self.settings, limits },
        };
        machine.code(job, self.component)
    }
}

fn write_answer(out: &mut impl Write, answer: &Result<Vec<u8>, Gap>) -> io::Result<()> {
    let (status, payload) = match answer {
        Ok(code) => (0, code.as_slice()),
        Err(Gap::Unfit(why)) => (1, why.as_bytes()),
        Err(Gap::Missing(why)) => (2, why.as_bytes()),
    };
    out.write_all(ANSWER)?;
    out.write_all(&[status])?;
    write_part(out, payload)?;
    out.write_all(seal(status, payload).as_bytes())
}

/// The answer, unless it was cut short or is something else.
pub(crate) fn read_answer(mut bytes: &[u8]) -> Option<Result<Vec<u8>, Gap>> {
    let from = &mut bytes;
    if take(from, 16)? != ANSWER {
        return None;
    }
    let status = take(from, 1)?[0];
    let payload = part(from)?;
    if *from != seal(status, payload).as_bytes() {
        return None;
    }
    let words = || String::from_utf8(payload.to_vec()).ok();
    match status {
        0 => Some(Ok(payload.to_vec())),
        1 => Some(Err(Gap::Unfit(words()?))),
        2 => Some(Err(Gap::Missing(words()?))),
        _ => None,
    }
}

fn seal(status: u8, payload: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[status]).update(payload);
    hasher.finalize()
}

fn numbers(limits: &Limits) -> [u64; 8] {
    let Limits { fuel, memory_bytes, time_ms, table_elements, instances, result_bytes, log_lines, concurrent_calls } =
        *limits;
    [fuel, memory_bytes, time_ms, table_elements, instances, result_bytes, log_lines, concurrent_calls]
}

fn limits_of(mut bytes: &[u8]) -> Option<Limits> {
    let from = &mut bytes;
    Some(Limits {
        fuel: number(from)?,
        memory_bytes: number(from)?,
        time_ms: number(from)?,
        table_elements: number(from)?,
        instances: number(from)?,
        result_bytes: number(from)?,
        log_lines: number(from)?,
        concurrent_calls: number(from)?,
    })
}

fn write_part(out: &mut impl Write, part: &[u8]) -> io::Result<()> {
    out.write_all(&(part.len() as u64).to_be_bytes())?;
    out.write_all(part)
}

fn part<'b>(from: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = number(from)?;
    take(from, usize::try_from(length).ok()?)
}

fn number(from: &mut &[u8]) -> Option<u64> {
    take(from, 8)?.try_into().ok().map(u64::from_be_bytes)
}

fn take<'b>(from: &mut &'b [u8], bytes: usize) -> Option<&'b [u8]> {
    from.split_off(..bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(order: &Order<'_>) -> Result<Vec<u8>, Gap> {
        let (mut written, mut answer) = (Vec::new(), Vec::new());
        order.write(&mut written).unwrap();
        compile(written.as_slice(), &mut answer).unwrap();
        for cut in [0, 16, 17, 30, answer.len() - 1] {
            assert!(read_answer(&answer[..cut]).is_none(), "cut at {cut}");
        }
        let last = answer.len() - 1;
        assert!(read_answer(&[&answer[..], b"x"].concat()).is_none());
        let whole = read_answer(&answer).unwrap();
        answer[last] ^= 1;
        assert!(read_answer(&answer).is_none());
        whole
    }

    #[test]
    fn a_child_makes_the_code_that_the_host_would() {
        let machine = Machine::new(NonZeroUsize::MIN, Build::Pooled).unwrap();
        let limits = Limits::DEFAULT;
        for job in [Job::Component, Job::Image { settings: r#"{"/max": [1, 2]}"#, limits: &limits }] {
            let order =
                Order { engine: machine.fingerprint(), build: Build::Pooled, job, component: sluice_artifacts::BOUNDS };
            assert!(answered(&order).unwrap() == machine.code(job, order.component).unwrap(), "{job:?}");
        }
    }

    #[test]
    fn what_a_child_refuses_and_what_it_cannot_do_stay_apart() {
        let machine = Machine::new(NonZeroUsize::MIN, Build::Pooled).unwrap();
        let build = Build::Pooled;
        let order = Order { engine: machine.fingerprint(), build, job: Job::Component, component: b"no wasm" };
        assert!(matches!(answered(&order), Err(Gap::Unfit(_))));
        let order = Order { engine: 7, component: sluice_artifacts::BOUNDS, ..order };
        let Err(Gap::Missing(why)) = answered(&order) else { panic!() };
        assert!(why.contains("restart the host"), "{why}");
        assert!(compile(&b"rubbish"[..], Vec::new()).is_err());
    }
}
