//! What a master is asked, and what it answers.

use std::fmt;

use crate::Names;

/// What only the holder of a lock knows: 128 bits of chance, fresh for each attempt, as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(pub u128);

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A question to one master. It does all of it or nothing, in one step, unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ask {
    /// Set the word under each name, if none has one; and if so, grant the token.
    Take {
        /// For what.
        names: Names,
        /// What to set.
        word: Word,
        /// How long it stays.
        ttl_ms: u64,
        /// The token to grant, if it is higher than all granted for these names before.
        token: u64,
    },
    /// Grant a higher token where the word is set.
    Raise {
        /// For what.
        names: Names,
        /// Whose.
        word: Word,
        /// The token.
        token: u64,
    },
    /// Let the word stay so much longer from now, where it is set under all names; never shorter than it would.
    Extend {
        /// For what.
        names: Names,
        /// Whose.
        word: Word,
        /// How long.
        ttl_ms: u64,
    },
    /// Set the word under those names that have none: of a holder whose majority has just been extended.
    TopUp {
        /// For what.
        names: Names,
        /// What to set.
        word: Word,
        /// How long it stays.
        ttl_ms: u64,
    },
    /// Delete the word under those names that have it.
    Release {
        /// For what.
        names: Names,
        /// Whose.
        word: Word,
    },
}

/// What a master remembers beside its keys. One that does not name the run it is in is of an earlier one: since then the
/// master may have lost what it had.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// The run in which this master was admitted.
    pub run: String,
    /// No token up to this is granted, of whatever name: what a lost memory may have granted is below it.
    pub floor: u64,
    /// The highest token granted, of whatever name.
    pub high: u64,
}

/// What a master answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reply {
    /// The word is set under all names. The token was granted, or the register is the highest granted before.
    Taken {
        /// Whether it was granted.
        granted: bool,
        /// The highest granted by now.
        register: u64,
    },
    /// Somebody else has one of the names, for so long yet.
    Held {
        /// In ms.
        left_ms: u64,
    },
    /// This master may have lost its memory, and has no vote.
    Unadmitted,
    /// As [`Reply::Taken`], of a raised token.
    Raised {
        /// Whether it was granted.
        granted: bool,
        /// The highest granted by now.
        register: u64,
    },
    /// The word stays for longer.
    Extended {
        /// The master's wall clock, in us since 1970.
        clock_us: u64,
    },
    /// The word is not set under all names.
    NotYours {
        /// Whether somebody else has one; else it ran out, or was lost.
        is_anothers: bool,
    },
    /// Whether the word is now set under all names.
    ToppedUp(bool),
    /// Whether the word was there.
    Released(bool),
    /// No answer, or an error: nobody can tell what was done.
    Failed,
}
