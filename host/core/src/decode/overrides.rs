//! The field `override`.

use bytes::Bytes;

use crate::change::Overrides;

use super::{Draft, Malformed, malformed, malformed_bytes, shown};

/// Reads what is overridden.
pub fn read(place: &mut Option<Overrides>, value: &Bytes) -> Result<(), String> {
    let mut overrides = Overrides::default();
    for word in value.split(|byte| *byte == b',') {
        let meant = match word {
            b"guard" => &mut overrides.guard,
            b"fence" => &mut overrides.fence,
            _ => return Err(format!("{} cannot be overridden: only \"guard\" and \"fence\" can", shown(word))),
        };
        if std::mem::replace(meant, true) {
            return Err(format!("{} is named twice", shown(word)));
        }
    }
    match place.replace(overrides) {
        None => Ok(()),
        Some(_) => Err("the field is given twice".to_owned()),
    }
}

/// Whether it is said who means it and why, and 0, which is no token, stands only where it makes a resource forgotten.
pub fn check(draft: &Draft) -> Result<(), Malformed> {
    if draft.overrides.is_some() && (draft.author.is_none() || draft.reason.is_none()) {
        return Err(malformed("override", "say who means it and why: add author and reason".to_owned()));
    }
    let is_meant = draft.overrides.is_some_and(|overrides| overrides.fence);
    match draft.fences.iter().find(|(_, fence)| fence.token == 0 && !is_meant) {
        Some((resource, _)) => {
            let why = "0 is no fencing token: write the number that came with the lock".to_owned();
            Err(malformed_bytes(format!("fence:{resource}").as_bytes(), why))
        }
        None => Ok(()),
    }
}
