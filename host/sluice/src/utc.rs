//! Times for people: log time as RFC 3339, and ages.

pub use sluice_core::time::utc;

/// A time of TOML with its offset, in ms since 1970; none without one, or before 1970.
pub fn ms(time: &toml::value::Datetime) -> Option<u64> {
    sluice_core::time::parse(&time.to_string())
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
    fn a_time_with_its_offset_is_log_time() {
        let read = |text: &str| ms(&text.parse().unwrap());
        for time in [0, 951_782_400_000, 951_868_799_999, 1_700_000_000_123, 4_107_542_400_000] {
            assert_eq!(read(&utc(time)), Some(time));
        }
        assert_eq!(read("2023-11-14T23:13:20.123+01:00"), Some(1_700_000_000_123));
        assert_eq!([read("1969-12-31T23:59:59Z"), read("2026-01-01")], [None; 2]);
    }

    #[test]
    fn ages_are_short() {
        assert_eq!([ago(0), ago(999), ago(59_999), ago(60_000), ago(7_200_000)], ["0ms", "999ms", "59s", "1m", "2h"]);
        assert_eq!(ago(172_800_000), "2d");
    }
}
