//! Which faults a seed has, and the bugs that can be planted.

/// What may go wrong. Chances are in 1,000.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// How far each clock's rate is off at most, in parts per million.
    pub drift_ppm: i64,
    /// Masters' and clients' wall clocks jump, by up to a minute each way.
    pub jumps: bool,
    /// Masters restart, some without their memory.
    pub restarts: bool,
    /// No more than a minority of memories is lost at a time.
    pub minority: bool,
    /// Processes sleep.
    pub pauses: bool,
    /// Messages that get lost.
    pub lost: u64,
    /// Messages that are late, by up to twice the time to live.
    pub late: u64,
    /// Messages that arrive twice.
    pub doubled: u64,
    /// What one sent later arrives later, as over TCP.
    pub in_order: bool,
    /// Messages take most of a second, and restarts none.
    pub is_slow: bool,
    /// Masters give a name to whoever asks: what is left is the token alone.
    pub lawless: bool,
}

impl Weather {
    /// All that the promise of exclusion covers.
    pub const STATED: Weather = Weather {
        drift_ppm: 4_000,
        jumps: false,
        restarts: true,
        minority: false,
        pauses: true,
        lost: 30,
        late: 30,
        doubled: 30,
        in_order: false,
        is_slow: false,
        lawless: false,
    };

    /// Beyond it: clocks jump and run as they like.
    pub const WILD: Weather = Weather { drift_ppm: 200_000, jumps: true, minority: true, ..Weather::STATED };

    /// Connections as they are: in order, and nothing twice.
    pub const TCP: Weather = Weather { doubled: 0, in_order: true, ..Weather::STATED };

    /// As bad as can be for tokens.
    pub const LAWLESS: Weather = Weather { lawless: true, ..Weather::WILD };

    /// Questions are on their way while masters restart.
    pub const SLOW: Weather = Weather { is_slow: true, lost: 150, ..Weather::LAWLESS };
}

/// A bug to see it caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The holder counts on all of the time to live.
    NoDrift,
    /// Whoever gives back deletes what is there.
    ReleasesAnybody,
    /// Only the first master's grant counts.
    TokenFromOne,
    /// A master that forgot everything votes at once.
    RejoinsAtOnce,
    /// After a connection was cut, what was asked over it is asked again.
    ReplaysSets,
}
