//! Times for people: log time as RFC 3339, and ages.

/// Milliseconds since 1970 as `2026-11-23T04:52:54.007Z`. The date is counted as in Howard Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`: years begin in March, so that the
/// day a leap year adds is the last one.
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

/// The other way round, from a time of TOML with its offset; none without one, or before 1970. The days are
/// counted by `days_from_civil` of the same source.
pub fn ms(time: &toml::value::Datetime) -> Option<u64> {
    let (date, clock) = (time.date?, time.time?);
    let offset_minutes = match time.offset? {
        toml::value::Offset::Z => 0,
        toml::value::Offset::Custom { minutes } => i64::from(minutes),
    };
    let (month, day) = (i64::from(date.month), i64::from(date.day));
    let year = i64::from(date.year) - i64::from(month <= 2);
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let in_year = (153 * march_month + 2) / 5 + day - 1;
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + in_year - 719_468;
    let minutes = days * 1_440 + i64::from(clock.hour) * 60 + i64::from(clock.minute) - offset_minutes;
    let (second, nanosecond) = (clock.second.map_or(0, i64::from), clock.nanosecond.map_or(0, i64::from));
    u64::try_from(minutes * 60_000 + second * 1_000 + nanosecond / 1_000_000).ok()
}

/// How long something took or is ago, by its largest unit: `350ms`, `12s`, `3m`, `5h`, `2d`.
pub fn ago(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..60_000 => format!("{}s", ms / 1_000),
        60_000..3_600_000 => format!("{}m", ms / 60_000),
        3_600_000..86_400_000 => format!("{}h", ms / 3_600_000),
        _ => format!("{}d", ms / 86_400_000),
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
    }

    #[test]
    fn a_time_with_its_offset_is_log_time() {
        let read = |text: &str| ms(&text.parse().unwrap());
        for time in [0, 951_782_400_000, 951_868_799_999, 1_700_000_000_123, 4_107_542_400_000] {
            assert_eq!(read(&utc(time)), Some(time));
        }
        assert_eq!(read("2023-11-14T23:13:20.123+01:00"), Some(1_700_000_000_123));
        assert_eq!([read("1969-12-31T23:59:59Z"), read("2026-01-01")], [None; 2]);
    }

    #[test]
    fn any_revision_has_a_time() {
        assert!(utc(u64::MAX).ends_with('Z'));
    }

    #[test]
    fn ages_are_short() {
        assert_eq!([ago(0), ago(999), ago(59_999), ago(60_000), ago(7_200_000)], ["0ms", "999ms", "59s", "1m", "2h"]);
        assert_eq!(ago(172_800_000), "2d");
    }
}
