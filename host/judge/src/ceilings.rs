//! What a host gives a call at most, whatever a binding says.
//!
//! [`Limits::MAX`] is the space's: a binding above it is refused by every host alike. These are one host's, which may be
//! small. Were a binding refused for them, hosts would differ; so it is held here, and in force elsewhere.

use sluice_core::{Binding, Fault, Limits};

/// The most that this host lets a binding have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceilings {
    /// Units of fuel.
    pub fuel: u64,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Milliseconds by the clock.
    pub time_ms: u64,
    /// Calls under way at a time.
    pub concurrent_calls: u64,
}

impl Default for Ceilings {
    /// Those of the space.
    fn default() -> Ceilings {
        let Limits { fuel, memory_bytes, time_ms, concurrent_calls, .. } = Limits::MAX;
        Ceilings { fuel, memory_bytes, time_ms, concurrent_calls }
    }
}

impl Ceilings {
    /// Names the first limit of a binding that this host does not give.
    ///
    /// # Errors
    /// A fault: other hosts may give it.
    pub(crate) fn check(&self, binding: &Binding) -> Result<(), (Fault, String)> {
        let Limits { fuel, memory_bytes, time_ms, concurrent_calls, .. } = binding.limits;
        let all = [
            ("fuel", fuel, self.fuel, Fault::Internal),
            ("memory_bytes", memory_bytes, self.memory_bytes, Fault::Memory),
            ("time_ms", time_ms, self.time_ms, Fault::Time),
            ("concurrent_calls", concurrent_calls, self.concurrent_calls, Fault::Internal),
        ];
        match all.into_iter().find(|(_, wanted, most, _)| wanted > most) {
            None => Ok(()),
            Some((name, wanted, most, fault)) => {
                let why = format!(
                    "validator {}: limits.{name} of its binding is {wanted}, and this host gives {most} at most: raise \
                     ceilings.{name} of this host, or bind it with less",
                    binding.name
                );
                Err((fault, why))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_core::Digest;

    use super::*;

    fn checked(limits: &str, ceilings: Ceilings) -> Result<(), (Fault, String)> {
        let text = format!(r#"{{"keys": ["a"], "component": "{}", "limits": {limits}}}"#, Digest::ZERO);
        ceilings.check(&Binding::parse("v", text.as_bytes()).unwrap())
    }

    #[test]
    fn a_host_that_is_not_told_gives_what_the_space_does() {
        let Limits { fuel, memory_bytes, time_ms, concurrent_calls, .. } = Limits::MAX;
        let most = format!(
            r#"{{"fuel": {fuel}, "memory_bytes": {memory_bytes}, "time_ms": {time_ms}, "concurrent_calls": {concurrent_calls}}}"#
        );
        assert_eq!(checked(&most, Ceilings::default()), Ok(()));
    }

    #[test]
    fn what_a_host_does_not_give_is_named_with_both_remedies() {
        let small = Ceilings { fuel: 10, memory_bytes: 20, time_ms: 30, concurrent_calls: 1 };
        let within = r#"{"fuel": 10, "memory_bytes": 20, "time_ms": 30, "concurrent_calls": 1}"#;
        assert_eq!(checked(within, small), Ok(()));
        for (name, most, fault) in [
            ("fuel", 10, Fault::Internal),
            ("memory_bytes", 20, Fault::Memory),
            ("time_ms", 30, Fault::Time),
            ("concurrent_calls", 1, Fault::Internal),
        ] {
            let above = within.replace(&format!("\"{name}\": {most}"), &format!("\"{name}\": {}", most + 1));
            let (found, why) = checked(&above, small).unwrap_err();
            let words = format!(
                "limits.{name} of its binding is {}, and this host gives {most} at most: raise ceilings.{name} of this \
                 host, or bind it with less",
                most + 1
            );
            assert!(found == fault && why.contains(&words), "{why}");
        }
    }
}
