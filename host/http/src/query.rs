//! The part of a URL behind the question mark.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use sluice_core::Revision;

use crate::problem::Problem;

/// Parameters by name. Each route says which it knows; an unknown one is told, not ignored, for a typo
/// in `limit` must not list everything.
pub struct Query<'q>(Vec<(&'q str, Cow<'q, str>)>);

impl<'q> Query<'q> {
    /// Reads a query string.
    ///
    /// # Errors
    /// An unknown or repeated parameter, or one that is not UTF-8.
    pub fn parse(text: Option<&'q str>, known: &[&str]) -> Result<Query<'q>, Problem> {
        let mut pairs: Vec<(&str, Cow<'_, str>)> = Vec::new();
        for pair in text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !known.contains(&name) {
                let name: String = name.chars().take(64).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(Problem::bad_request(format!("unknown parameter \"{name}\": this path takes {known}")));
            }
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(Problem::bad_request(format!("parameter \"{name}\" is given twice: give it once")));
            }
            let value = percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| Problem::bad_request(format!("parameter \"{name}\" is not UTF-8")))?;
            pairs.push((name, value));
        }
        Ok(Query(pairs))
    }

    /// The text of a parameter.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_ref())
    }

    /// Present and not `false` or `0`: `?keys_only` is as good as `?keys_only=true`.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name) {
            None | Some("false" | "0") => Ok(false),
            Some("" | "true" | "1") => Ok(true),
            Some(other) => Err(Problem::bad_request(format!("{name}={other}: write true or false"))),
        }
    }

    /// A revision.
    pub fn revision(&self, name: &str) -> Result<Option<Revision>, Problem> {
        let parse = |text: &str| text.parse().map_err(|error| Problem::bad_request(format!("{name}: {error}")));
        self.text(name).map(parse).transpose()
    }

    /// A number from 1 to `most`; more is cut.
    pub fn count(&self, name: &str, most: usize) -> Result<Option<usize>, Problem> {
        let parse = |text: &str| match text.parse::<usize>() {
            Ok(count) if count > 0 => Ok(count.min(most)),
            Ok(_) | Err(_) => Err(Problem::bad_request(format!("{name}={text}: write a number from 1 to {most}"))),
        };
        self.text(name).map(parse).transpose()
    }

    /// A duration such as `30s`, `500ms` or `2m`, in ms; a bare number is seconds.
    pub fn wait_ms(&self, name: &str) -> Result<Option<u64>, Problem> {
        let wrong = |text: &str| Problem::bad_request(format!("{name}={text}: write it as 30s, 500ms or 2m"));
        self.text(name).map(|text| duration_ms(text).ok_or_else(|| wrong(text))).transpose()
    }
}

fn duration_ms(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 1,
        "s" | "" => 1000,
        "m" => 60_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_in_a_parameter_is_told() {
        assert!(Query::parse(Some("limt=3"), &["limit"]).is_err());
        assert!(Query::parse(Some("limit=3&limit=4"), &["limit"]).is_err());
        assert!(Query::parse(Some("limit=%ff"), &["limit"]).is_err());
        let query = Query::parse(Some("&prefix=a%2Fb&keys_only&"), &["prefix", "keys_only"]).ok().unwrap();
        assert_eq!(query.text("prefix"), Some("a/b"));
        assert!(query.flag("keys_only").ok().unwrap());
    }

    #[test]
    fn durations_are_read_with_their_unit() {
        let read = |text| duration_ms(text);
        assert_eq!(
            [read("30s"), read("500ms"), read("2m"), read("7")],
            [Some(30_000), Some(500), Some(120_000), Some(7000)]
        );
        for text in ["", "s", "-1s", "1h", "1.5s", "99999999999999999999s", "18446744073709551615m"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
