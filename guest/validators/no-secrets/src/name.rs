//! Names under which secrets are kept.

/// What a secret is called, at the end of its name.
const SECRETS: [&str; 8] = ["password", "passwords", "passwd", "passphrase", "secret", "secrets", "token", "tokens"];
/// Whole words only, for others end like them.
const WORDS: [&str; 6] = ["pass", "pwd", "pw", "creds", "credential", "credentials"];
/// What makes a key one that must not be known. `key` alone is the key of a map.
const KEYS: [&str; 16] = [
    "api",
    "access",
    "secret",
    "private",
    "encryption",
    "signing",
    "master",
    "shared",
    "auth",
    "account",
    "hmac",
    "session",
    "cookie",
    "webhook",
    "storage",
    "service",
];
/// What may follow and says nothing.
const NEUTRAL: [&str; 13] = [
    "value",
    "text",
    "string",
    "plain",
    "raw",
    "base",
    "b",
    "current",
    "previous",
    "old",
    "new",
    "primary",
    "secondary",
];

/// What makes the rest open: `publicToken`, `checksum/secret`.
const OPEN: [&str; 6] = ["public", "publishable", "checksum", "hash", "digest", "fingerprint"];

/// Whether what stands under this name is probably secret. The last words decide: `tokenUrl` is a URL,
/// `secret_name` a name.
pub(crate) fn is_secret(name: &str) -> bool {
    let words = words(name);
    let mut words = words.as_slice();
    while let [rest @ .., last] = words
        && !rest.is_empty()
        && NEUTRAL.contains(&last.as_str())
    {
        words = rest;
    }
    let Some((last, before)) = words.split_last() else { return false };
    if before.iter().any(|word| OPEN.contains(&word.as_str())) {
        return false;
    }
    if let "key" | "keys" = last.as_str() {
        return before.last().is_some_and(|word| KEYS.contains(&word.as_str()));
    }
    // Names written in one go: `dbpassword`, `APIKEY`.
    let joined = KEYS.iter().any(|key| last.strip_prefix(key).is_some_and(|rest| rest == "key" || rest == "keys"));
    joined || WORDS.contains(&last.as_str()) || SECRETS.iter().any(|secret| last.ends_with(secret))
}

/// The words of a name in lower case: `dbPassword1`, `DB_PASSWORD` and `db.password` are all `db password`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let letters: Vec<char> = name.chars().collect();
    for (n, letter) in letters.iter().enumerate() {
        if !letter.is_alphabetic() {
            words.push(String::new());
            continue;
        }
        let before = n.checked_sub(1).map(|n| letters[n]);
        let after = letters.get(n + 1);
        let begins = letter.is_uppercase()
            && (before.is_some_and(char::is_lowercase) || after.is_some_and(|after| after.is_lowercase()));
        if begins {
            words.push(String::new());
        }
        words.last_mut().expect("there is a word to begin with").extend(letter.to_lowercase());
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn names_of_secrets_are_known_however_they_are_written() {
        for name in [
            "password",
            "DB_PASSWORD",
            "dbPassword",
            "dbpassword",
            "smtp.pass",
            "client-secret",
            "clientSecret",
            "token",
            "authToken",
            "access_token",
            "apiKey",
            "API_KEY",
            "APIKey",
            "apikey",
            "X-Api-Key",
            "aws_secret_access_key",
            "signingKey",
            "password1",
            "token_value",
            "SECRET_KEY_BASE",
            "privateKey",
            "tokens",
            "userPwd",
            "GITHUB_TOKEN",
        ] {
            assert!(is_secret(name), "{name}");
        }
    }

    #[test]
    fn names_that_only_speak_of_secrets_are_not() {
        for name in [
            "",
            "key",
            "keys",
            "secretName",
            "secret_ref",
            "tokenUrl",
            "token_endpoint",
            "passwordFile",
            "token_ttl",
            "max_token_length",
            "passwordPolicy",
            "publicKey",
            "public_token",
            "access_key_id",
            "sort_key",
            "bypass",
            "compass",
            "tokenizer",
            "secretKeyRef",
            "tokenType",
            "password_min_length",
            "cache_key",
            "apiKeyHeader",
            "pathwords",
            "checksum/secret",
            "existingSecretPasswordKeyName",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
