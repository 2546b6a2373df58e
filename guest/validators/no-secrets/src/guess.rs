//! Whether a value under a suspicious name is a secret, or speaks of one.

use crate::settings::Settings;

/// What begins a reference to a secret that is kept elsewhere, or a value that is encrypted or hashed.
const REFERENCES: [&str; 46] = [
    "vault:",
    "bao:",
    "openbao:",
    "ref:",
    "ref+",
    "env:",
    "file:",
    "ssm:",
    "sm:",
    "aws-sm:",
    "aws-ssm:",
    "awssm:",
    "awsssm:",
    "secretsmanager:",
    "gcp-sm:",
    "gcpsm:",
    "gsm:",
    "sm://",
    "azurekv:",
    "akv:",
    "keyvault:",
    "op:",
    "1password:",
    "doppler:",
    "infisical:",
    "conjur:",
    "akeyless:",
    "chamber:",
    "berglas:",
    "keyring:",
    "keychain:",
    "secret:",
    "secrets:",
    "secretref:",
    "k8s:",
    "kubernetes:",
    "arn:",
    "projects/",
    "data:",
    "http:",
    "https:",
    "enc[",
    "enc(",
    "{cipher}",
    "sops:",
    "!vault",
];
/// What begins a digest.
const DIGESTS: [&str; 9] = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b", "blake3", "pbkdf2"];
/// What a value holds that was left to be filled in.
const BLANKS: [&str; 19] = [
    "${",
    "{{",
    "$(",
    "%(",
    "***",
    "xxxx",
    "...",
    "…",
    "redacted",
    "changeme",
    "change-me",
    "change_me",
    "example",
    "placeholder",
    "your-",
    "your_",
    "replace-",
    "replace_",
    "<%",
];
/// The share of digits in what is made of words.
const DIGITS_MAX: f64 = 0.2;
/// The share of vowels in what is made of words, and the longest run without one. Letters drawn at random
/// have fewer and longer ones.
const VOWELS_MIN: f64 = 0.2;
const CONSONANTS_MAX: usize = 5;
/// How long a word is: on average at least, and at most.
const WORD: (usize, usize) = (4, 20);

/// Whether a value stands for a secret instead of being it.
pub(crate) fn is_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let is_within = |open: char, close: char| lower.starts_with(open) && lower.ends_with(close);
    let is_digest = DIGESTS
        .iter()
        .any(|digest| lower.strip_prefix(digest).is_some_and(|rest| rest.starts_with([':', '-', '$', '_'])));
    lower.strip_prefix('$').is_some_and(|rest| is_variable(rest) || is_hash(rest))
        || is_within('<', '>')
        || is_within('{', '}')
        || is_within('%', '%')
        || is_digest
        || REFERENCES.iter().any(|reference| lower.starts_with(reference))
        || BLANKS.iter().any(|blank| lower.contains(blank))
        || lower.bytes().all(|byte| byte == lower.as_bytes()[0])
}

/// `$DB_PASSWORD`, past the dollar.
fn is_variable(rest: &str) -> bool {
    rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `$2b$…`, `$argon2id$…` and `$ANSIBLE_VAULT;…`, past the dollar.
fn is_hash(rest: &str) -> bool {
    rest.starts_with("ansible_vault;") || rest.split_once('$').is_some_and(|(name, _)| is_variable(name))
}

/// Whether a value looks drawn at random, or at least chosen to be hard to guess. Sentences, words, UUIDs
/// and placeholders do not.
pub(crate) fn is_random(text: &str, settings: &Settings) -> bool {
    text.len() >= settings.length_min
        && !text.contains(char::is_whitespace)
        && !is_placeholder(text)
        && !is_uuid(text)
        && !is_words(text)
        && entropy(text) >= settings.entropy_min
}

/// Bits a byte of this text carries, by how often each occurs in it (Shannon, "A Mathematical Theory of
/// Communication", 1948).
fn entropy(text: &str) -> f64 {
    let mut counts = [0u32; 256];
    text.bytes().for_each(|byte| counts[byte as usize] += 1);
    let length = text.len() as f64;
    let shares = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / length);
    shares.map(|share| -share * share.log2()).sum()
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// Whether a text is made of words: `oauth2-proxy-cookie-secret`, `/run/secrets/db`, `ClientSecretBasic`.
fn is_words(text: &str) -> bool {
    // The short word that names of headers begin with is not drawn.
    let text = text.strip_prefix("x-").unwrap_or(text);
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
    let is_vowel = |byte: &u8| b"aeiouAEIOU".contains(byte) || !byte.is_ascii();
    let is_joint = |byte: u8| matches!(byte, b'-' | b'_' | b'.' | b'/' | b':' | b'@' | b'#' | b',');
    if !text.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit() || is_joint(byte)) {
        return false;
    }
    let goes_on =
        |a: &u8, b: &u8| is_letter(*a) && is_letter(*b) && !(a.is_ascii_lowercase() && b.is_ascii_uppercase());
    let words = text.as_bytes().chunk_by(goes_on).filter(|word| is_letter(word[0]));
    let (mut count, mut letters, mut vowels) = (0, 0, 0);
    for word in words {
        let consonants = word.split(is_vowel).map(<[u8]>::len).max().unwrap_or(0);
        if word.len() > WORD.1 || consonants > CONSONANTS_MAX {
            return false;
        }
        count += 1;
        letters += word.len();
        vowels += word.iter().filter(|byte| is_vowel(byte)).count();
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    count > 0
        && letters >= WORD.0 * count
        && digits as f64 <= DIGITS_MAX * text.len() as f64
        && vowels as f64 >= VOWELS_MIN * letters as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(text: &str) -> bool {
        is_random(text, &Settings::default())
    }

    #[test]
    fn what_was_drawn_or_chosen_with_care_is_random() {
        for text in [
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzW3k9Qt5aB",
            "Tr0ub4dor&3",
            "9f86d081884c7d659a2feaa0c55ad015",
            "JBSWY3DPEHPK3PXP",
            "Summer2024!",
            "$ecretPa55!",
            "q7Zp-91xK_vR",
            "bGliZXJ0eSBhbmQganVzdGljZQ==",
        ] {
            assert!(random(text), "{text}");
        }
    }

    #[test]
    fn words_references_and_placeholders_are_not() {
        for text in [
            "",
            "secret",
            "Zugriffstoken",
            "Enter your password",
            "oauth2-proxy-cookie-secret",
            "client_secret_basic",
            "ClientSecretBasic",
            "/run/secrets/db_password",
            "prod/db-2/password",
            "infra/home#assets/deploy-credentials",
            "${DB_PASSWORD}",
            "$DB_PASSWORD",
            "{{ .Values.password }}",
            "vault:secret/data/db#password",
            "op://infra/db/password1",
            "<your token here>",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbC12d",
            "projects/481516234/secrets/db/versions/3",
            "ENC[AES256_GCM,data:9xKq,iv:7Zp=,tag:Q1w=,type:str]",
            "{cipher}AQA7c9f1",
            "$2b$12$KIXQ4v7yqZ9x",
            "sha256:9f86d081884c7d659a2feaa0c55ad015",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "********",
            "xxxxxxxxxxxxxxxx",
            "changeme-1X9z",
            "%DB_PASSWORD%",
            "https://auth.internal/oauth2/token?v=7Q9z",
            "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg",
            "#ff8800aa",
            "csrf-token",
            "00000000",
        ] {
            assert!(!random(text), "{text}");
        }
    }
}
