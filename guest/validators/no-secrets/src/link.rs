//! Passwords in URLs: `postgres://app:…@db/orders`.

use crate::guess::is_placeholder;
use crate::hit::Hit;

/// What manuals write for a password.
const WORDS: [&str; 7] = ["password", "passwd", "pass", "pwd", "secret", "token", "pw"];

/// Every password in the URLs of a text.
pub(crate) fn passwords(text: &str) -> Vec<Hit<'_>> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>' | '\\' | '`');
    let links = text.match_indices("://").filter_map(|(at, separator)| {
        text[..at].ends_with(|c: char| c.is_ascii_alphanumeric()).then_some(())?;
        let rest = &text[at + separator.len()..];
        let authority = &rest[..rest.find(ends).unwrap_or(rest.len())];
        let (user, _) = authority.rsplit_once('@')?;
        let (_, password) = user.split_once(':')?;
        let is_secret = !password.is_empty() && !is_placeholder(password) && !WORDS.contains(&password);
        is_secret.then_some(Hit { code: "url-password", kind: "a password in a URL", prefix: "", text: password })
    });
    links.collect()
}

#[cfg(test)]
mod tests {
    use super::passwords;

    #[test]
    fn a_password_is_between_the_colon_and_the_last_at() {
        let told = |text| passwords(text).into_iter().map(|hit| hit.text.to_owned()).collect::<Vec<_>>();
        assert_eq!(told("dsn=postgres://app:s3cr@t@db:5432/x redis://:abc@r"), ["s3cr@t", "abc"]);
        for text in [
            "https://example.com:8080/a@b:c",
            "postgres://app@db/x",
            "postgres://app:${DB_PASSWORD}@db/x",
            "postgres://app:<password>@db/x",
            "postgres://app:{{ .Password }}@db/x",
            "postgres://user:password@localhost/x",
            "amqp://app:$PASS@mq",
            "https://user:xxxxxxxx@host",
        ] {
            assert_eq!(told(text), [""; 0], "{text}");
        }
    }
}
