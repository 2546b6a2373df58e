//! What is found, where, and that nothing found is told. Tokens are put together here, so that no scanner of
//! source code takes them for real ones.

use serde_json::{Value, json};
use sluice_guest::{Change, Content, Decision, Finding};

use crate::settings::Settings;
use crate::{check, judge};

/// Letters and digits as a machine draws them, as many as wanted.
pub(crate) fn drawn(length: usize) -> String {
    "Zq7Kx2Vw9RtY4mNp8LsB3hGd6FjC5".chars().cycle().take(length).collect()
}

fn found(key: &str, text: &str, settings: Value) -> Vec<Finding> {
    let settings: Settings = serde_json::from_value(settings).unwrap();
    assert_eq!(check(&settings), []);
    let verdict = judge(&Change::of(key, "", text), &settings);
    assert_eq!(verdict.decision == Decision::Accept, verdict.findings.is_empty());
    verdict.findings
}

/// Code, pointer and message of each finding.
pub(crate) fn told(key: &str, text: &str) -> Vec<String> {
    let line = |found: Finding| format!("{} {} {}", found.code, found.pointer.unwrap_or_default(), found.message);
    found(key, text, json!({})).into_iter().map(line).collect()
}

fn pem(label: &str) -> String {
    format!("-----BEGIN {label}-----\n{}\n{}\n-----END {label}-----\n", drawn(64), drawn(40))
}

/// A secret of every kind, and the word its finding has.
fn kinds() -> Vec<(String, &'static str)> {
    let hex = |length: usize| "7f3a9c2e5b1d8046".chars().cycle().take(length).collect::<String>();
    let base32: String = drawn(60).to_uppercase().chars().filter(|c| c.is_ascii_uppercase()).take(16).collect();
    let jwt = format!("eyJ{}.eyJ{}.{}", drawn(20), drawn(40), drawn(43));
    vec![
        (format!("AKIA{base32}"), "AWS"),
        (format!("ghp_{}", drawn(36)), "GitHub"),
        (format!("github_pat_{}_{}", drawn(22), drawn(59)), "GitHub"),
        (format!("glpat-{}", drawn(20)), "GitLab"),
        (format!("xoxb-{}-{}", "4815162342", drawn(24)), "Slack token"),
        (format!("https://hooks.slack.com/services/T0A1B2C3D/B9Z8Y7X6W/{}", drawn(24)), "Slack webhook"),
        (format!("sk_live_{}", drawn(24)), "Stripe"),
        (format!("AIza{}", drawn(35)), "Google API"),
        (format!("GOCSPX-{}", drawn(28)), "Google OAuth"),
        (format!("npm_{}", drawn(36)), "npm"),
        (format!("pypi-AgEIcHlwaS5vcmc{}", drawn(70)), "PyPI"),
        (format!("sk-proj-{}", drawn(60)), "OpenAI"),
        (format!("sk-ant-api03-{}", drawn(80)), "Anthropic"),
        (format!("SG.{}.{}", drawn(22), drawn(43)), "SendGrid"),
        (format!("hvs.{}", drawn(28)), "Vault"),
        (format!("dop_v1_{}", hex(64)), "DigitalOcean"),
        (format!("shpat_{}", hex(32)), "Shopify"),
        (format!("hf_{}", drawn(34)), "Hugging Face"),
        (format!("glsa_{}_{}", drawn(32), hex(8)), "Grafana"),
        (format!("AccountName=x;AccountKey={}==;", drawn(86)), "Azure"),
        (format!("AGE-SECRET-KEY-1{}", drawn(58).to_uppercase()), "age"),
        (jwt, "JSON Web Token"),
        (pem("RSA PRIVATE KEY"), "private key"),
        (pem("ENCRYPTED PRIVATE KEY"), "private key"),
        (pem("OPENSSH PRIVATE KEY"), "private key"),
        (format!("LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQp{}", drawn(200)), "private key in Base64"),
        (format!("postgres://app:{}@db.internal/orders", drawn(12)), "URL"),
    ]
}

#[test]
fn every_kind_is_found_in_every_form_of_document_and_told_once() {
    for (secret, word) in kinds() {
        let value = json!({"a": {"b": [secret]}}).to_string();
        for key in ["a.json", "a.yaml"] {
            let lines = told(key, &value);
            assert!(
                lines.len() == 1 && lines[0].contains(" /a/b/0 ") && lines[0].contains(word),
                "{secret}: {lines:?}"
            );
        }
        let lines = told("notes.txt", &format!("first\n{secret}\nlast"));
        assert!(lines.len() == 1 && lines[0].contains(word) && lines[0].ends_with(", line 2"), "{secret}: {lines:?}");
    }
}

#[test]
fn a_finding_never_tells_the_secret() {
    for (secret, _) in kinds() {
        let documents = [
            json!({"password": secret}).to_string(),
            json!({secret.clone(): {"password": secret}}).to_string(),
            json!([{"name": "TOKEN", "value": secret}]).to_string(),
            secret.clone(),
        ];
        for text in documents {
            for finding in found("a", &text, json!({})) {
                let said = format!("{finding:?}");
                // Behind the prefix all of its kind begin with, not even five characters.
                let (start, least) = (secret.find("Zq7Kx").unwrap_or(secret.len() / 2), 5);
                assert!(!said.contains(&secret[start..start + least]), "{said}");
                assert!(!said.contains(&secret[secret.len() - 6..]), "{said}");
            }
        }
    }
}

#[test]
fn the_message_has_the_kind_the_length_and_four_characters_at_most() {
    let token = format!("ghp_{}", drawn(36));
    let text = json!({ "a": token }).to_string();
    assert_eq!(told("a", &text), ["token /a a GitHub token (ghp_…, 40 characters)"]);
    let text = r#"{"db": {"password": "x7Qp9-zKv1"}}"#;
    let named = "a value that looks secret, as its name does (10 characters)";
    assert_eq!(told("a", text), [format!("named-secret /db/password {named}")]);
}

#[test]
fn a_secret_that_is_a_name_is_found_and_no_pointer_holds_it() {
    let token = format!("ghp_{}", drawn(36));
    let text = json!({"users": {token: {"role": {"password": "x7Qp9-zKv1"}}}}).to_string();
    let pointers: Vec<_> = found("a", &text, json!({})).into_iter().map(|finding| finding.pointer.unwrap()).collect();
    assert_eq!(pointers, ["/users", "/users"]);
}

#[test]
fn comments_and_names_that_are_there_twice_are_found_in_the_text() {
    let token = format!("ghp_{}", drawn(36));
    assert_eq!(told("a.yaml", &format!("a: 1\n# {token}\n")), ["token  a GitHub token (ghp_…, 40 characters), line 2"]);
    assert_eq!(told("a.toml", &format!("a = 1 # {token}\n")).len(), 1);
    assert_eq!(told("a.json", &format!("{{\"a\": \"{token}\", \"a\": 1}}")).len(), 1);
    assert_eq!(told("a.yaml", &format!("a: {token}\n# {token}\n")).len(), 2);
}

#[test]
fn suspicious_names_are_followed_to_their_values() {
    for (text, pointer) in [
        (r#"{"tokens": ["x7Qp9-zKv1"]}"#, "/tokens/0"),
        (r#"{"env": [{"name": "DB_PASSWORD", "value": "x7Qp9-zKv1"}]}"#, "/env/0/value"),
        (r#"{"apiKey": {"value": "x7Qp9-zKv1"}}"#, "/apiKey/value"),
        (r#"{"kind": "Secret", "data": {"db": "eDdRcDktekt2MQ=="}}"#, "/data/db"),
        (r#"{"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "d": "870MB6gfuTJ4HtUnUvYMyJpr"}"#, ""),
        (r#"{"dsn": "Server=db;Password=x7Qp9-zKv1"}"#, "/dsn"),
        (r#"{"app.env": "A=1\nDB_PASSWORD=x7Qp9-zKv1\n"}"#, "/app.env"),
    ] {
        let found = found("a", text, json!({}));
        assert_eq!((found.len(), found[0].pointer.as_deref()), (1, Some(pointer)), "{text}: {found:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_looked_at() {
    let mut change = Change::of("a.bin", "", "");
    let bytes = [b"\xff\xfe".as_slice(), format!(" ghp_{} ", drawn(36)).as_bytes()].concat();
    change.edits[0].new.as_mut().unwrap().body = Content::Bytes(bytes);
    assert_eq!(judge(&change, &Settings::default()).findings.len(), 1);
}

#[test]
fn what_is_allowed_stays_and_the_rest_does_not() {
    let text = r#"{"a": {"password": "x7Qp9-zKv1"}, "b": {"password": "x7Qp9-zKv1"}}"#;
    assert_eq!(found("a", text, json!({"allow": ["/a/*"]})).len(), 1);
    assert_eq!(found("a", text, json!({"allow": ["/**/password"]})), []);
    let token = format!("a: ghp_{}", drawn(36));
    assert_eq!(found("a.yaml", &token, json!({"allow": ["/a"]})), [], "the text is not told where the value may be");
    assert_eq!(found("a.yaml", &format!("#{token}"), json!({"allow": [""]})), []);
}

#[test]
fn how_strict_it_is_can_be_set() {
    let text = r#"{"password": "hunter22"}"#;
    assert_eq!(found("a", text, json!({})), [], "words with a digit pass");
    let text = r#"{"password": "a1b1c1d1"}"#;
    assert_eq!(found("a", text, json!({"entropy_min": 2.0})).len(), 1);
    assert_eq!(found("a", text, json!({"entropy_min": 3.0})), []);
    assert_eq!(found("a", text, json!({"entropy_min": 2.0, "length_min": 9})), []);
    let warn: Settings = serde_json::from_value(json!({"severity": "warning", "entropy_min": 2})).unwrap();
    let verdict = judge(&Change::of("a", "", text), &warn);
    assert_eq!((verdict.decision, verdict.findings.len()), (Decision::Warn, 1));
    let wrong: Settings = serde_json::from_value(json!({"allow": ["a/b"], "entropy_min": 9})).unwrap();
    let pointers: Vec<_> = check(&wrong).into_iter().map(|finding| finding.pointer.unwrap()).collect();
    assert_eq!(pointers, ["/allow/0", "/entropy_min"]);
}

#[test]
fn a_document_of_a_hundred_secrets_is_told_in_part() {
    let text = serde_json::to_string(&json!({"tokens": vec!["x7Qp9-zKv1"; 100]})).unwrap();
    assert_eq!(told("a", &text).len(), crate::FINDINGS_MAX);
}
