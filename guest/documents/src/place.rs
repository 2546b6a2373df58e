//! Where a walk through a document is.

use std::fmt::{Display, Write};

/// A JSON Pointer (RFC 6901) that grows on the way down and shrinks on the way up.
#[derive(Default)]
pub struct Place(String);

/// How long a place was before a step into a value.
pub struct Step(usize);

impl Place {
    /// Goes into the item of this name or number.
    pub fn enter(&mut self, segment: impl Display) -> Step {
        let length = self.0.len();
        write!(self.0, "/{segment}").expect("text can always grow");
        let start = length + 1;
        if self.0[start..].contains(['~', '/']) {
            let escaped = self.0[start..].replace('~', "~0").replace('/', "~1");
            self.0.replace_range(start.., &escaped);
        }
        Step(length)
    }

    /// Goes back to where that step was made.
    pub fn leave(&mut self, step: Step) {
        self.0.truncate(step.0);
    }

    /// The pointer; empty for the whole document.
    pub fn pointer(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_points_to_the_value_it_is_at() {
        let value = serde_json::json!({"a/b~": [0, {"": 7}]});
        let mut place = Place::default();
        let outer = place.enter("a/b~");
        place.enter(1);
        place.enter("");
        assert_eq!(value.pointer(place.pointer()), Some(&7.into()));
        place.leave(outer);
        assert_eq!(value.pointer(place.pointer()), Some(&value));
    }
}
