//! Which faults a seed has, and the bugs that can be planted.

use fastrand::Rng;
use sluice_core::Millis;

/// When faults end and publishers fall silent, in ms of virtual time.
const CALM_MS: u64 = 20_000;

/// A known bug, put between the node and the world to see that the laws catch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// None: the real thing.
    Absent,
    /// A batch is served as soon as it is handed to the disk.
    InstallBeforePersist,
    /// The verdict on an older entry is taken for the one on the current.
    StaleVerdict,
    /// Deadlines pass and nobody wakes the node.
    RetryLost,
    /// A crash leaves the cursor of a batch on the disk without its values.
    TornStore,
    /// A rejection is taken for an acceptance.
    VerdictIgnored,
    /// A fault is taken for an acceptance.
    FaultAccepted,
    /// The disk answers before the batch is safe.
    EarlyAnswer,
    /// An answer of the log leaves out an entry.
    EntrySkipped,
    /// Bindings do not declare what their rules look up, so nobody waits for it.
    ReadsUndeclared,
    /// A log that lost its old end goes on as if nothing were missing.
    GapUnseen,
    /// Another entry under the same revision is taken for the one this host has.
    ForkUnseen,
    /// Nobody holds what a host has against what the log counts.
    HoleUnseen,
    /// An emptied log is taken for a space without keys.
    ResetTaken,
    /// A clock that was set is taken for another log.
    ClockFeared,
    /// What the log lost is appended again without what keeps it from being applied twice.
    TokenDropped,
    /// It is appended without the revisions it was based on.
    BasesDropped,
    /// The host goes over to the log that is left before it has read all of it.
    SwapEarly,
    /// What is written under a lock does not name its token.
    FenceDropped,
}

/// The bugs that can be planted.
pub const PLANTED: [Bug; 18] = [
    Bug::InstallBeforePersist,
    Bug::StaleVerdict,
    Bug::RetryLost,
    Bug::TornStore,
    Bug::VerdictIgnored,
    Bug::FaultAccepted,
    Bug::EarlyAnswer,
    Bug::EntrySkipped,
    Bug::ReadsUndeclared,
    Bug::GapUnseen,
    Bug::ForkUnseen,
    Bug::HoleUnseen,
    Bug::ResetTaken,
    Bug::ClockFeared,
    Bug::TokenDropped,
    Bug::BasesDropped,
    Bug::SwapEarly,
    Bug::FenceDropped,
];

/// What befalls the log itself; one kind a seed, so that each is seen without the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blow {
    /// Another server takes over, without the newest entries.
    Failover,
    /// The stream is deleted, and put back from what a host has.
    Reset,
    /// The stream is deleted, and nobody comes.
    Abandoned,
    /// An entry is deleted that some host has not read.
    Hole,
}

/// How likely each fault is. Every seed leaves some of them out altogether, for a fault that always
/// happens hides what happens without it (swarm testing, Groce et al. 2012).
#[derive(Debug, Default)]
pub struct Weather {
    /// An answer never comes.
    pub lost: f64,
    /// It comes twice.
    pub doubled: f64,
    /// It comes long after it was due.
    pub late: f64,
    /// A validator faults.
    pub fault: f64,
    /// A blob comes with other bytes.
    pub corrupt: f64,
    /// The host dies right after carrying out an effect.
    pub crash: f64,
    /// The host is asked to stop, and started again.
    pub stop: f64,
    /// Somebody stores a snapshot, and the log is trimmed behind it.
    pub trim: f64,
    /// The clock of the log's server is set.
    pub clock: f64,
    /// What befalls the log, and when first.
    pub blow: Option<(Blow, Millis)>,
    log: Vec<Spell>,
    disks: Vec<Vec<Spell>>,
    judges: Vec<Vec<Spell>>,
}

/// A while in which something is out of order.
type Spell = (Millis, Millis);

impl Weather {
    /// Nothing goes wrong.
    pub fn fine() -> Weather {
        Weather::default()
    }

    /// The weather of a seed.
    pub fn of(rng: &mut Rng, hosts: usize) -> Weather {
        let mut one_of = |few: f64, many: f64| [0.0, few, many][rng.usize(0..3)];
        let (lost, doubled, late) = (one_of(0.03, 0.15), one_of(0.05, 0.25), one_of(0.05, 0.25));
        let (fault, corrupt) = (one_of(0.05, 0.4), one_of(0.1, 0.5));
        let (crash, stop, trim) = (one_of(0.005, 0.05), one_of(0.02, 0.1), one_of(0.05, 0.2));
        let clock = one_of(0.02, 0.1);
        let blow = [None, Some(Blow::Failover), Some(Blow::Reset), Some(Blow::Abandoned), Some(Blow::Hole)];
        let blow = blow[[0, 0, 0, 1, 1, 1, 2, 3, 4, 4][rng.usize(0..10)]];
        let blow = blow.map(|blow| (blow, Millis(rng.u64(1_000..CALM_MS / 2))));
        let log = spells(rng);
        let disks = (0..hosts).map(|_| spells(rng)).collect();
        let judges = (0..hosts).map(|_| spells(rng)).collect();
        Weather { lost, doubled, late, fault, corrupt, crash, stop, trim, clock, blow, log, disks, judges }
    }

    /// Until when faults happen.
    pub fn calm() -> Millis {
        Millis(CALM_MS)
    }

    /// Whether a fault of this likelihood happens now.
    pub fn strikes(&self, rng: &mut Rng, now: Millis, likelihood: f64) -> bool {
        now < Weather::calm() && likelihood > 0.0 && rng.f64() < likelihood
    }

    /// Whether the log is out of reach.
    pub fn is_log_away(&self, now: Millis) -> bool {
        is_in(&self.log, now)
    }

    /// Whether a host's disk refuses to write.
    pub fn is_disk_full(&self, host: usize, now: Millis) -> bool {
        self.disks.get(host).is_some_and(|spells| is_in(spells, now))
    }

    /// Whether a host's validators cannot run.
    pub fn is_judge_sick(&self, host: usize, now: Millis) -> bool {
        self.judges.get(host).is_some_and(|spells| is_in(spells, now))
    }
}

fn spells(rng: &mut Rng) -> Vec<Spell> {
    let one = |rng: &mut Rng| {
        let from = rng.u64(0..CALM_MS);
        (Millis(from), Millis(from + rng.u64(200..6_000)))
    };
    (0..rng.usize(0..3)).map(|_| one(rng)).collect()
}

fn is_in(spells: &[Spell], now: Millis) -> bool {
    now < Weather::calm() && spells.iter().any(|(from, to)| (*from..*to).contains(&now))
}
