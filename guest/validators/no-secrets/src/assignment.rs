//! Names and values in text that is no document: `.env` files, properties, connection strings, options.

use crate::guess::is_random;
use crate::hit::Hit;
use crate::name::is_secret;
use crate::settings::Settings;

/// Secrets that a text gives suspicious names.
pub(crate) fn assigned<'t>(text: &'t str, settings: &Settings) -> Vec<Hit<'t>> {
    text.lines().flat_map(|line| in_line(line, settings)).collect()
}

/// Either the line is one assignment, or it holds several: `Server=db;Password=…`.
fn in_line<'t>(line: &'t str, settings: &Settings) -> Vec<Hit<'t>> {
    let line = line.trim().trim_start_matches(['-', '#', '/', ';']).trim_start();
    let whole = value(line.strip_prefix("export ").unwrap_or(line), &[':', '='], settings);
    if whole.is_some() {
        return whole.into_iter().collect();
    }
    let pieces = line.split(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '?' | ',' | '"' | '\''));
    pieces.filter_map(|piece| value(piece, &['='], settings)).collect()
}

fn value<'t>(text: &'t str, separators: &[char], settings: &Settings) -> Option<Hit<'t>> {
    let (name, value) = text.split_once(separators)?;
    let name = name.trim().trim_matches(['"', '\'', '-']);
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let value = value.trim().trim_end_matches([',', ';']).trim_matches(['"', '\'']);
    let is_found = is_name && is_secret(name) && is_random(value, settings);
    is_found.then_some(Hit { code: "named-secret", kind: NAMED, prefix: "", text: value })
}

/// What is told of a secret that only its name gives away.
pub(crate) const NAMED: &str = "a value that looks secret, as its name does";

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        assigned(text, &Settings::default()).into_iter().map(|hit| hit.text.to_owned()).collect()
    }

    #[test]
    fn assignments_are_found_however_they_are_written() {
        let text =
            "# DB\nexport DB_PASSWORD='x7Qp9-zKv1'\nsmtp.pass = Tr0ub4dor&3\n- api_key: \"q7Zp91xKvR\",\nport=5432";
        assert_eq!(told(text), ["x7Qp9-zKv1", "Tr0ub4dor&3", "q7Zp91xKvR"]);
        assert_eq!(told("Server=db;User Id=sa;Password=x7Qp9-zKv1;Encrypt=true"), ["x7Qp9-zKv1"]);
        assert_eq!(told("run --verbose --token=x7Qp9-zKv1 --port=1"), ["x7Qp9-zKv1"]);
        assert_eq!(told("https://h/cb?state=1&access_token=x7Qp9-zKv1"), ["x7Qp9-zKv1"]);
    }

    #[test]
    fn what_only_speaks_of_secrets_is_not() {
        let text = "DB_PASSWORD=${DB_PASSWORD}\nTOKEN=\nSECRET=changeme\nPASSWORD_FILE=/run/secrets/x7Qp9-zKv1\n\
            # the password: see the vault at 10:30\nsecret = vault:kv/db#password";
        assert_eq!(told(text), [""; 0]);
    }
}
