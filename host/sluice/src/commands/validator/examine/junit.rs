//! The report for CI, in the form JUnit gave the world.

use std::fmt::Write;

use super::Examined;

/// One suite, named as the validator.
pub fn report(validator: &str, examined: &[Examined]) -> String {
    let failed = examined.iter().filter(|one| !one.faults.is_empty()).count();
    let seconds: f64 = examined.iter().map(|one| one.cost.time.as_secs_f64()).sum();
    let (name, tests) = (escaped(validator), examined.len());
    let counts = format!("tests=\"{tests}\" failures=\"{failed}\" errors=\"0\" time=\"{seconds:.6}\"");
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    let mut line = |line: String| writeln!(text, "{line}").expect("a string has room");
    line(format!("  <testsuite name=\"{name}\" {counts}>"));
    for one in examined {
        let (case, seconds) = (escaped(&one.case.name), one.cost.time.as_secs_f64());
        let head = format!("    <testcase classname=\"{name}\" name=\"{case}\" time=\"{seconds:.6}\"");
        if one.faults.is_empty() {
            line(format!("{head}/>"));
            continue;
        }
        let expected = escaped(&one.case.expectation.decision);
        let message = format!("expected {expected}, found {}", one.ruling.decision.word());
        line(format!("{head}>"));
        line(format!("      <failure message=\"{message}\">{}</failure>", escaped(&one.faults.join("\n"))));
        line("    </testcase>".to_owned());
    }
    line("  </testsuite>\n</testsuites>".to_owned());
    text
}

/// As text and in attributes. XML has no way to write most control characters, so they are replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push('\n'),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_validator_says_breaks_the_report() {
        assert_eq!(escaped("<a b=\"1\">&\u{1b}[2J\nc"), "&lt;a b=&quot;1&quot;&gt;&amp;\u{fffd}[2J\nc");
    }
}
