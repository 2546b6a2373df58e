//! Tokens that are known by how they are written, as those who issue them document it.

use crate::hit::Hit;

/// How the tokens of one kind are written: a prefix, then so many bytes of an alphabet, then neither letter nor
/// digit.
struct Format {
    kind: &'static str,
    prefixes: &'static [&'static str],
    alphabet: fn(u8) -> bool,
    lengths: (usize, usize),
    also: fn(&str) -> bool,
}

/// Different bytes a token has at least. One with fewer was typed by hand: `ghp_xxxx…`.
const DISTINCT_MIN: usize = 6;
const ANY: usize = 4096;

const fn format(
    kind: &'static str,
    prefixes: &'static [&'static str],
    alphabet: fn(u8) -> bool,
    lengths: (usize, usize),
) -> Format {
    Format { kind, prefixes, alphabet, lengths, also: |_| true }
}

static FORMATS: [Format; 36] = [
    format("an AWS access key", &["AKIA", "ASIA", "ABIA", "ACCA"], base32, (16, 16)),
    format("a GitHub token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], alphanumeric, (36, 255)),
    format("a GitHub token", &["github_pat_"], word, (60, 255)),
    format("a GitLab token", &["glpat-", "gldt-", "glrt-", "glptt-"], word, (20, 255)),
    format("a Slack token", &["xoxb-", "xoxa-", "xoxp-", "xoxr-", "xoxs-", "xoxe-", "xapp-"], word, (20, 255)),
    format("a Slack webhook", &["hooks.slack.com/services/", "hooks.slack.com/workflows/"], path, (30, 255)),
    format("a Discord webhook", &["discord.com/api/webhooks/", "discordapp.com/api/webhooks/"], path, (60, 255)),
    format("a Stripe key", &["sk_live_", "rk_live_", "sk_test_", "rk_test_"], alphanumeric, (16, 255)),
    format("a webhook signing secret", &["whsec_"], base64, (24, 255)),
    format("a Google API key", &["AIza"], word, (35, 35)),
    format("a Google OAuth client secret", &["GOCSPX-"], word, (28, 28)),
    format("a Google access token", &["ya29."], word, (20, ANY)),
    format("an npm token", &["npm_"], alphanumeric, (36, 36)),
    format("a PyPI token", &["pypi-AgEIcHlwaS5vcmc", "pypi-AgENdGVzdC5weXBpLm9yZw"], word, (50, ANY)),
    format("an OpenAI key", &["sk-proj-", "sk-svcacct-", "sk-admin-"], word, (32, 255)),
    format("an OpenAI key", &["sk-"], alphanumeric, (48, 48)),
    format("an Anthropic key", &["sk-ant-"], word, (32, 255)),
    format("a SendGrid key", &["SG."], dotted, (66, 66)),
    format("a Vault token", &["hvs.", "hvb.", "hvr."], word, (24, ANY)),
    format("a DigitalOcean token", &["dop_v1_", "doo_v1_", "dor_v1_"], hex, (64, 64)),
    format("a Shopify token", &["shpat_", "shpca_", "shppa_", "shpss_"], hex, (32, 32)),
    format("a Databricks token", &["dapi"], hex, (32, 32)),
    format("a Hugging Face token", &["hf_"], alphanumeric, (34, 34)),
    format("a Grafana token", &["glsa_"], word, (41, 41)),
    format("a Grafana token", &["glc_eyJ"], base64, (40, 512)),
    format("a Docker Hub token", &["dckr_pat_", "dckr_oat_"], word, (27, 64)),
    format("a PlanetScale password", &["pscale_tkn_", "pscale_pw_", "pscale_oauth_"], word, (32, 64)),
    format("a Linear key", &["lin_api_"], alphanumeric, (40, 40)),
    format("a Postman key", &["PMAK-"], word, (59, 59)),
    format("a New Relic key", &["NRAK-"], alphanumeric, (27, 27)),
    format("an Atlassian token", &["ATATT3", "ATCTT3"], base64_url_padded, (100, 255)),
    format("an Azure storage key", &["AccountKey="], base64, (88, 88)),
    format("an Azure shared access key", &["SharedAccessKey="], base64, (44, 44)),
    format("an age key", &["AGE-SECRET-KEY-1"], alphanumeric, (58, 58)),
    Format { also: is_jwt, ..format("a JSON Web Token", &["eyJ"], dotted, (30, ANY)) },
    Format { also: is_wrapped_key, ..format("a private key in Base64", &["LS0tLS1CRUdJTi"], base64, (40, 65_536)) },
];

/// Which formats begin with this byte, a bit for each. Every word of a document is asked about, so this is
/// made by the compiler, and few formats are left to compare.
static BEGINS: [u64; 256] = {
    assert!(FORMATS.len() <= 64, "a bit for each format");
    let mut begins = [0; 256];
    let mut format = 0;
    while format < FORMATS.len() {
        let mut prefix = 0;
        while prefix < FORMATS[format].prefixes.len() {
            begins[FORMATS[format].prefixes[prefix].as_bytes()[0] as usize] |= 1 << format;
            prefix += 1;
        }
        format += 1;
    }
    begins
};

/// Every known token in a text.
pub(crate) fn tokens(text: &str) -> Vec<Hit<'_>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let is_start = at == 0 || !is_word(bytes[at - 1]);
        let formats = if is_start { BEGINS[bytes[at] as usize] } else { 0 };
        match token(text, at, formats) {
            Some(hit) => {
                at += hit.text.len();
                found.push(hit);
            }
            None => at += 1,
        }
    }
    found
}

/// The token of one of these formats that begins here.
fn token(text: &str, at: usize, mut formats: u64) -> Option<Hit<'_>> {
    let rest = &text.as_bytes()[at..];
    let mut formats = std::iter::from_fn(|| {
        let format = FORMATS.get(formats.trailing_zeros() as usize)?;
        formats &= formats - 1;
        Some(format)
    });
    formats.find_map(|format| {
        let prefix = format.prefixes.iter().find(|prefix| rest.starts_with(prefix.as_bytes()))?;
        let (least, most) = format.lengths;
        let body = rest[prefix.len()..].iter().take(most + 1).take_while(|byte| (format.alphabet)(**byte)).count();
        let end = prefix.len() + body;
        let ends = rest.get(end).is_none_or(|byte| !is_word(*byte));
        if body < least || body > most || !ends {
            return None;
        }
        // Prefix and alphabet are ASCII, so these are whole characters.
        let token = &text[at..at + end];
        let is_token = (format.also)(token) && is_issued(&token[prefix.len()..]);
        is_token.then_some(Hit { code: "token", kind: format.kind, prefix, text: token })
    })
}

/// Whether this looks drawn by a machine, not typed for a manual.
fn is_issued(body: &str) -> bool {
    let mut seen = [false; 256];
    body.bytes().for_each(|byte| seen[byte as usize] = true);
    let typed = ["EXAMPLE", "example", "1234567890", "abcdefgh", "ABCDEFGH"];
    seen.iter().filter(|seen| **seen).count() >= DISTINCT_MIN && !typed.iter().any(|typed| body.contains(typed))
}

/// Three parts that are not empty, the first two of them JSON objects; five if it is encrypted.
fn is_jwt(token: &str) -> bool {
    let parts: Vec<_> = token.split('.').collect();
    let is_signed = parts.len() == 3 && parts[1].starts_with("eyJ") && parts[2].len() >= 16;
    let is_encrypted = parts.len() == 5 && parts[3].len() >= 16 && parts[4].len() >= 16;
    is_signed || is_encrypted
}

/// Whether this is a PEM file that says it holds a private key.
fn is_wrapped_key(token: &str) -> bool {
    // The longest first line has 35 bytes, which are 48 characters.
    let header = token.as_bytes().chunks_exact(4).take(12).flat_map(|four| {
        let bits = four.iter().fold(0u32, |bits, byte| bits << 6 | digit(*byte));
        bits.to_be_bytes().into_iter().skip(1)
    });
    String::from_utf8_lossy(&header.collect::<Vec<_>>()).contains("PRIVATE KEY")
}

/// The value of a digit of Base64.
fn digit(byte: u8) -> u32 {
    match byte {
        b'A'..=b'Z' => u32::from(byte - b'A'),
        b'a'..=b'z' => u32::from(byte - b'a') + 26,
        b'0'..=b'9' => u32::from(byte - b'0') + 52,
        b'+' => 62,
        _ => 63,
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn word(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

fn dotted(byte: u8) -> bool {
    word(byte) || byte == b'.'
}

fn path(byte: u8) -> bool {
    word(byte) || byte == b'/'
}

fn base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

fn base64_url_padded(byte: u8) -> bool {
    word(byte) || byte == b'='
}

fn base32(byte: u8) -> bool {
    byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte)
}

fn hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}
