//! How many entries to ask for, so that an answer has about the size wanted.

/// Entries the first read asks for, before anything is known about their size.
const FIRST_ENTRIES: usize = 64;

/// A running estimate of an entry's size. It rises at once and falls by halves: asking for too little costs
/// a round trip, asking for too much costs the server's other clients their time.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    batch_bytes: usize,
    entries_max: usize,
    average: usize,
}

impl Pace {
    pub fn new(batch_bytes: usize, entries_max: usize) -> Pace {
        Pace { batch_bytes, entries_max, average: (batch_bytes / FIRST_ENTRIES).max(1) }
    }

    /// How many entries to ask for now.
    pub fn count(&self) -> usize {
        (self.batch_bytes / self.average).clamp(1, self.entries_max)
    }

    /// Learns from an answer.
    pub fn note(&mut self, entries: usize, bytes: usize) {
        if let Some(seen) = bytes.checked_div(entries) {
            self.average = seen.max((self.average + seen) / 2).max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_entries_come_by_the_thousand_and_large_ones_one_by_one() {
        let mut pace = Pace::new(1 << 20, 1000);
        assert_eq!(pace.count(), 64);
        for _ in 0..8 {
            pace.note(pace.count(), pace.count() * 100);
        }
        assert_eq!(pace.count(), 1000);
        pace.note(1, 1 << 20);
        assert_eq!(pace.count(), 1);
        pace.note(0, 0);
        pace.note(1, 100);
        assert_eq!(pace.count(), 1);
        pace.note(2, 200);
        assert!((2..=8).contains(&pace.count()));
    }
}
