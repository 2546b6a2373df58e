//! The validators of this repository, built for wasm and wrapped as components.

pub mod kit;

macro_rules! component {
    ($name:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".wasm"))
    };
}

/// Refuses numbers outside their bounds.
pub const BOUNDS: &[u8] = component!("bounds");
/// Judges documents by a JSON Schema.
pub const JSON_SCHEMA: &[u8] = component!("json-schema");
/// Limits how large, deep and wide documents are, and how much of one may change at once.
pub const SIZE_AND_SHAPE: &[u8] = component!("size-and-shape");
/// Refuses changes that are published while a freeze is on.
pub const FREEZE_WINDOW: &[u8] = component!("freeze-window");
/// Refuses documents that hold keys, tokens and passwords.
pub const NO_SECRETS: &[u8] = component!("no-secrets");
/// Judges changes by rules in CEL.
pub const EXPRESSION: &[u8] = component!("expression");
/// Refuses references to keys that do not exist.
pub const REFERENCES: &[u8] = component!("references");
/// The validators people use, by the names they use.
pub const ALL: &[(&str, &[u8])] = &[
    ("bounds", BOUNDS),
    ("json-schema", JSON_SCHEMA),
    ("size-and-shape", SIZE_AND_SHAPE),
    ("freeze-window", FREEZE_WINDOW),
    ("no-secrets", NO_SECRETS),
    ("expression", EXPRESSION),
    ("references", REFERENCES),
];

/// Validators that mean harm, for the tests of a host.
pub mod fixtures {
    /// All of them by the names of their files, whose first lines say what they do.
    pub const ALL: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/fixtures.rs"));

    /// Loops for ever.
    pub const NEVER_ENDS: &[u8] = component!("never_ends");
    /// Allocates for ever.
    pub const EATS_MEMORY: &[u8] = component!("eats_memory");
    /// Recurses for ever.
    pub const RECURSES: &[u8] = component!("recurses");
    /// Panics.
    pub const TRAPS: &[u8] = component!("traps");
    /// Returns 25 MB of findings.
    pub const SAYS_TOO_MUCH: &[u8] = component!("says_too_much");
    /// Rejects with a thousand findings full of control characters and keys nobody edited.
    pub const LIES: &[u8] = component!("lies");
    /// Accepts everything.
    pub const ACCEPTS: &[u8] = component!("accepts");
    /// Checks a table of routes.
    pub const ROUTES: &[u8] = component!("routes");
    /// Speaks version 0.1 of the contract.
    pub const SPEAKS_0_1: &[u8] = component!("speaks_0_1");
    /// Looks up what the document names.
    pub const LOOKS_UP: &[u8] = component!("looks_up");
    /// Accepts its first change only, if instances were ever used twice.
    pub const REMEMBERS: &[u8] = component!("remembers");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validator_is_a_component_of_sensible_size() {
        for (name, bytes) in ALL {
            assert_eq!(&bytes[..8], b"\0asm\x0d\0\x01\0", "{name} is not a component");
            assert!(bytes.len() < 8 << 20, "{name} has {} bytes", bytes.len());
        }
        assert!(BOUNDS.len() < 256 << 10, "the seven-line example has {} bytes", BOUNDS.len());
    }
}
