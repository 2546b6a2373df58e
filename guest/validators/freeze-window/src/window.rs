//! A window: from when until when nothing may be published.

use serde::Deserialize;
use sluice_guest::Finding;

use crate::moment::{DAY, MINUTE, Moment, Offset, minutes_of_day};

/// A window as the settings write it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    from: String,
    until: String,
    #[serde(default)]
    days: Option<Vec<Weekday>>,
    #[serde(default)]
    offset: Option<Offset>,
    reason: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// A window that can be used. Its end is no longer part of it.
pub(crate) enum Window {
    Once { from: Moment, until: Moment },
    Weekly { days: Vec<Weekday>, from: i64, length: i64, offset: Offset },
}

impl Written {
    /// The window; a finding that points into it if it is none.
    pub(crate) fn read(&self) -> Result<Window, Finding> {
        match &self.days {
            None => self.once(),
            Some(days) => self.weekly(days),
        }
    }

    fn once(&self) -> Result<Window, Finding> {
        if self.offset.is_some() {
            return Err(wrong("/offset", "only a window with days has an offset; `from` and `until` have their own"));
        }
        let from: Moment = self.from.parse().map_err(|why| wrong("/from", why))?;
        let until: Moment = self.until.parse().map_err(|why| wrong("/until", why))?;
        if until <= from {
            return Err(wrong("/until", "a window ends after it begins"));
        }
        Ok(Window::Once { from, until })
    }

    fn weekly(&self, days: &[Weekday]) -> Result<Window, Finding> {
        if days.is_empty() {
            return Err(wrong("/days", "a window without days is never"));
        }
        let clock = |text: &str, hour_max, pointer| {
            let minutes = minutes_of_day(text, hour_max).filter(|minutes| minutes * MINUTE <= DAY);
            minutes.map(|minutes| minutes * MINUTE).ok_or_else(|| {
                wrong(pointer, format!("`{text}` is no time of day such as `16:30`, which a window with days has"))
            })
        };
        let (from, until) = (clock(&self.from, 23, "/from")?, clock(&self.until, 24, "/until")?);
        // An end that is not after the beginning is the next day's.
        let length = if until > from { until - from } else { until + DAY - from };
        Ok(Window::Weekly { days: days.to_vec(), from, length, offset: self.offset.unwrap_or_default() })
    }

    /// Why there is a freeze.
    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }
}

impl Window {
    /// When the freeze ends that is on at this moment, if one is.
    pub(crate) fn end(&self, now: Moment) -> Option<Moment> {
        match self {
            Window::Once { from, until } => (*from <= now && now < *until).then_some(*until),
            Window::Weekly { days, from, length, offset } => {
                let local = now.0 + offset.0;
                let midnight = local.div_euclid(DAY) * DAY;
                // It began today, or yesterday if it lasts over midnight.
                let begins = [midnight + from, midnight - DAY + from].into_iter();
                let mut begins = begins.filter(|begin| days.iter().any(|day| *day as i64 == weekday(*begin)));
                let begin = begins.find(|begin| (*begin..begin + length).contains(&local))?;
                Some(Moment(begin + length - offset.0))
            }
        }
    }
}

/// Days since Monday. 1970 began on a Thursday.
fn weekday(local: i64) -> i64 {
    (local.div_euclid(DAY) + 3).rem_euclid(7)
}

fn wrong(pointer: &str, message: impl Into<String>) -> Finding {
    Finding::error("window", message).at(pointer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(text: &str) -> Result<Window, Finding> {
        serde_json::from_str::<Written>(text).unwrap().read()
    }

    fn end(text: &str, now: &str) -> Option<String> {
        window(text).unwrap().end(now.parse().unwrap()).map(|end| end.to_string())
    }

    #[test]
    fn a_window_holds_its_beginning_and_not_its_end() {
        let text = r#"{"from": "2026-12-20T00:00:00+01:00", "until": "2027-01-04T06:00:00Z", "reason": "r"}"#;
        assert_eq!(end(text, "2026-12-19T22:59:59.999Z"), None);
        assert_eq!(end(text, "2026-12-19T23:00:00Z").as_deref(), Some("2027-01-04T06:00:00Z"));
        assert_eq!(end(text, "2027-01-04T06:00:00Z"), None);
    }

    #[test]
    fn days_are_those_of_the_offset() {
        // 2026-11-20 is a Friday.
        let text = r#"{"days": ["fri"], "from": "16:00", "until": "24:00", "offset": "-05:00", "reason": "r"}"#;
        assert_eq!(end(text, "2026-11-20T20:59:59Z"), None);
        assert_eq!(end(text, "2026-11-21T04:59:59Z").as_deref(), Some("2026-11-21T05:00:00Z"));
        assert_eq!(end(text, "2026-11-21T05:00:00Z"), None);
    }

    #[test]
    fn an_end_before_the_beginning_is_the_next_days() {
        let text = r#"{"days": ["sun", "wed"], "from": "22:00", "until": "06:00", "reason": "r"}"#;
        assert_eq!(end(text, "2026-11-22T21:59:00Z"), None);
        assert_eq!(end(text, "2026-11-22T23:00:00Z").as_deref(), Some("2026-11-23T06:00:00Z"));
        assert_eq!(end(text, "2026-11-23T05:59:00Z").as_deref(), Some("2026-11-23T06:00:00Z"));
        assert_eq!(end(text, "2026-11-23T22:00:00Z"), None, "Monday is no day of it");
        let always = r#"{"days": ["mon"], "from": "00:00", "until": "00:00", "reason": "r"}"#;
        assert_eq!(end(always, "2026-11-23T12:00:00Z").as_deref(), Some("2026-11-24T00:00:00Z"));
        assert_eq!(end(always, "2026-11-24T00:00:00Z"), None);
    }

    #[test]
    fn a_window_that_is_none_says_where() {
        for (text, pointer) in [
            (r#"{"from": "16:00", "until": "2027-01-04T06:00:00Z", "reason": ""}"#, "/from"),
            (r#"{"from": "2026-12-20T00:00:00Z", "until": "2026-12-20T00:00:00Z", "reason": ""}"#, "/until"),
            (
                r#"{"from": "2026-12-20T00:00:00Z", "until": "2027-12-20T00:00:00Z", "offset": "Z", "reason": ""}"#,
                "/offset",
            ),
            (r#"{"days": [], "from": "16:00", "until": "17:00", "reason": ""}"#, "/days"),
            (r#"{"days": ["fri"], "from": "24:00", "until": "17:00", "reason": ""}"#, "/from"),
            (r#"{"days": ["fri"], "from": "16:00", "until": "24:01", "reason": ""}"#, "/until"),
        ] {
            assert_eq!(window(text).err().and_then(|finding| finding.pointer).as_deref(), Some(pointer), "{text}");
        }
    }
}
