//! Moments: RFC 3339 text and milliseconds since 1970, by arithmetic alone.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// Milliseconds of a minute.
pub(crate) const MINUTE: i64 = 60_000;
/// Milliseconds of a day.
pub(crate) const DAY: i64 = 24 * 60 * MINUTE;

/// Milliseconds since 1970 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Moment(pub(crate) i64);

/// Milliseconds that clocks of some place are ahead of UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Offset(pub(crate) i64);

/// `2026-12-20T00:00:00Z`, also with a fraction or an offset. A leap second counts as the second after it.
impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).ok_or_else(|| format!("`{text}` is no time of RFC 3339 such as `2026-12-20T00:00:00Z`"))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (year, month, day) = date(self.0.div_euclid(DAY));
        let minutes = self.0.rem_euclid(DAY) / MINUTE;
        let (hour, minute, second) = (minutes / 60, minutes % 60, self.0.rem_euclid(MINUTE) / 1000);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl TryFrom<String> for Offset {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        offset(&text).map(Self).ok_or_else(|| format!("`{text}` is no offset such as `+01:00` or `Z`"))
    }
}

fn parse(text: &str) -> Option<Moment> {
    let (date, time) = text.split_at_checked(10)?;
    let mut parts = date.split('-');
    let (year, month, day) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let days = days(year, month, day)?;
    let time = time.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = time.split_at_checked(8)?;
    let (minutes, seconds) = clock.rsplit_once(':')?;
    let seconds = number(seconds, 2).filter(|seconds| *seconds <= 60)?;
    let fraction = rest.strip_prefix('.').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    if rest.starts_with('.') && fraction == 0 {
        return None;
    }
    let (fraction, zone) = if fraction == 0 { ("", rest) } else { rest[1..].split_at(fraction) };
    // Three digits are milliseconds; of more the rest is dropped, as hosts know no less.
    let millis: i64 = format!("{fraction:0<3.3}").parse().ok()?;
    let local = days * DAY + minutes_of_day(minutes, 23)? * MINUTE + seconds * 1000 + millis;
    Some(Moment(local - offset(zone)?))
}

/// Milliseconds of `Z` or `+01:00`.
fn offset(text: &str) -> Option<i64> {
    let (sign, clock) = match text.split_at_checked(1)? {
        ("Z" | "z", "") => return Some(0),
        ("+", clock) => (1, clock),
        ("-", clock) => (-1, clock),
        _ => return None,
    };
    Some(sign * minutes_of_day(clock, 23)? * MINUTE)
}

/// Minutes of `16:30`.
pub(crate) fn minutes_of_day(text: &str, hour_max: i64) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (number(hour, 2)?, number(minute, 2)?);
    (minute < 60 && (hour <= hour_max)).then_some(hour * 60 + minute)
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// Days since 1970-01-01; none if there is no such day. Years are taken to begin in March, so that the
/// leap day is their last (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let shifted = year - i64::from(month <= 2);
    let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    ((1..=12).contains(&month) && date(days) == (year, month, day)).then_some(days)
}

/// The inverse of [`days`].
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (month, day) = ((shifted + 2) % 12 + 1, of_year - (153 * shifted + 2) / 5 + 1);
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_rfc_3339_says() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59.999Z", -1),
            ("2000-02-29t12:30:00z", 951_827_400_000),
            ("2026-12-20T01:00:00.25+01:00", 1_797_724_800_250),
            ("2026-12-20T00:00:00.123456-00:30", 1_797_726_600_123),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ] {
            assert_eq!(text.parse(), Ok(Moment(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "2026-12-20",
            "2026-12-20T00:00:00",
            "2026-12-20T24:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-12-20T00:00:00.Z",
            "2026-12-20T00:00:00+1:00",
            "2026-12-20T00:00:00+01:00Z",
            "+026-12-20T00:00:00Z",
            "2026-12-20T00:60:00Z",
            "２０２６-12-20T00:00:00Z",
        ] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_day_of_four_hundred_years_is_written_as_it_is_read() {
        for day in -30_000..120_000 {
            let moment = Moment(day * DAY + 1000);
            assert_eq!(moment.to_string().parse(), Ok(moment));
        }
    }
}
