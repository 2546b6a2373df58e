//! Points of log time as people write them: RFC 3339, or milliseconds since 1970.

/// Reads `2026-12-01T09:00:00Z`, also with a fraction of a second (three digits count) or another offset such as
/// `+01:00`, or plain decimal milliseconds since 1970. The days are counted as in Howard Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms", `days_from_civil`: years begin in March, so that the day a leap year adds is the last one.
/// None when it is neither, or before 1970.
pub fn parse(text: &str) -> Option<u64> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok();
    }
    let (date, rest) = text.split_at_checked(10)?;
    let (clock, rest) = rest.strip_prefix('T')?.split_at_checked(8)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let is_sound = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
    if !is_sound || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (ms, offset) = fraction(rest)?;
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let year = year - i64::from(month <= 2);
    let in_year = (153 * march_month + 2) / 5 + day - 1;
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + in_year - 719_468;
    let minutes = days * 1_440 + hour * 60 + minute - offset_minutes(offset)?;
    u64::try_from(minutes * 60_000 + second * 1_000 + ms).ok()
}

/// Milliseconds since 1970 as `2026-11-23T04:52:54.007Z`: `civil_from_days` of the same source.
pub fn utc(ms: u64) -> String {
    let (days, in_day) = (ms / 86_400_000, ms % 86_400_000);
    let shifted = days + 719_468;
    let (era, in_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (seconds, ms) = (in_day / 1000, in_day % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// Three numbers of just so many digits.
fn numbers(text: &str, between: char, digits: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(between);
    let mut read = |digits: usize| {
        let part = parts.next()?;
        let is_number = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| part.parse().ok()).flatten()
    };
    let all = [read(digits[0])?, read(digits[1])?, read(digits[2])?];
    parts.next().is_none().then_some(all)
}

/// Milliseconds of a fraction of 1 to 9 digits, if there is one, and what stands behind it.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(text) = text.strip_prefix('.') else { return Some((0, text)) };
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=9).contains(&length) {
        return None;
    }
    let (digits, rest) = text.split_at(length);
    format!("{digits:0<3}")[..3].parse().ok().map(|ms| (ms, rest))
}

fn offset_minutes(text: &str) -> Option<i64> {
    let sign = match text.bytes().next()? {
        b'Z' if text.len() == 1 => return Some(0),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let [hours, minutes, _] = numbers(&format!("{}:00", &text[1..]), ':', [2, 2, 2])?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_time_reads_as_a_date() {
        assert_eq!(utc(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(utc(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(utc(951_868_799_999), "2000-02-29T23:59:59.999Z");
        assert_eq!(utc(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(utc(4_107_542_400_000), "2100-03-01T00:00:00.000Z");
        assert!(utc(u64::MAX).ends_with('Z'));
    }

    #[test]
    fn what_is_written_reads_back() {
        for time in [0, 951_782_400_000, 951_868_799_999, 1_700_000_000_123, 4_107_542_400_000] {
            assert_eq!(parse(&utc(time)), Some(time));
            assert_eq!(parse(&time.to_string()), Some(time));
        }
        for text in ["2023-11-14T23:13:20.123+01:00", "2023-11-14T19:43:20.1239-02:30", "1700000000123"] {
            assert_eq!(parse(text), Some(1_700_000_000_123), "{text}");
        }
        assert_eq!(parse("2023-11-14T22:13:20Z"), Some(1_700_000_000_000));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "-1",
            "tomorrow",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-01-01 00:00:00Z",
            "2026-1-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:60Z",
            "1969-12-31T23:59:59Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+1:00",
            "2026-01-01T00:00:00ZZ",
            "2026-01-01T00:00:00+aé",
            "é026-01-01T00:00:00Z",
            "18446744073709551616",
            "2026-01-01T00:00:00+24:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
