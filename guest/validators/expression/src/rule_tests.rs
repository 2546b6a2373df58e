//! What rules can say, and what happens to those that say nothing.

use serde_json::{Value, json};
use sluice_guest::testing::given;
use sluice_guest::{Change, Decision, Finding, Operation, Severity};

use crate::settings::{Rules, Settings, prepare};
use crate::{MESSAGE_MAX, judge};

fn change(new: &str) -> Change {
    let mut change = Change::of("app/limits.json", "", new);
    change.edits[0].operation = Operation::Update;
    change.author = Some("mei".into());
    change.metadata = vec![("x-ticket".into(), "SHOP-7".into())];
    change.revision.millis = 1_798_135_200_000;
    change
}

fn rules(settings: Value) -> Result<Rules, Vec<Finding>> {
    prepare(serde_json::from_value(settings).unwrap())
}

fn faults(settings: Value) -> Vec<Finding> {
    rules(settings).err().unwrap_or_default()
}

fn told(change: &Change, settings: Value) -> Vec<String> {
    let findings = judge(change, &rules(settings).unwrap_or_else(|faults| panic!("{faults:?}"))).findings;
    findings.into_iter().map(|found| format!("{} {}", found.code, found.message)).collect()
}

/// Whether a rule holds for a change of `{"max": 10, …}` to `{"max": 15, …}`.
fn holds(expr: &str) -> Vec<String> {
    let old = r#"{"max": 10, "hosts": ["a", "b"], "share": 0.5}"#;
    let new = r#"{"max": 15, "hosts": ["a", "c", "d"], "share": 0.75, "big": 18446744073709551615, "none": null}"#;
    let settings = json!({"rules": [{"expr": expr, "message": "no"}]});
    given(&[("app/limits.json", "", old)], || told(&change(new), settings))
}

#[test]
fn a_rule_that_holds_says_nothing() {
    for expr in [
        "new.max <= 2 * old.max",
        "new.max - old.max == 5 && new.share > old.share",
        "size(new.hosts) == 3 && (new.hosts.all(h, h.size() == 1) || false)",
        "new.hosts.exists(h, h == 'c') && !('c' in old.hosts)",
        "new.hosts.filter(h, !(h in old.hosts)).size() == 2",
        "has(new.max) && !has(new.min)",
        "'max' in new && new['max'] == 15",
        "new.share * 2.0 == 1.5 && new.max < 15.5",
        "new.big > 1u && new.none == null",
        "key.startsWith('app/') && key.endsWith('.json') && operation == 'update'",
        "author == 'mei' && reason == null && metadata['x-ticket'].startsWith('SHOP-')",
        "!('x-emergency' in metadata)",
        // A Thursday, by the days since 1970, which began on one.
        "published_at / 86400000 % 7 == 0",
        "edits.size() == 1 && edits[0].bound && edits.all(e, e.operation != 'delete' && e.new.max > e.old.max)",
        "type(new.max) == int && string(new.max) == '15'",
        "new.?min.orValue(7) == 7 && optional.of(new.max).hasValue() && !optional.none().hasValue()",
        "double('1') + double(1u) == 2.0 && uint(1) == 1u && int('1') == dyn(1) && bytes('a') == b'a'",
    ] {
        assert_eq!(holds(expr), [""; 0], "{expr}");
    }
}

#[test]
fn a_rule_that_does_not_hold_says_what_it_was_told_to() {
    assert_eq!(holds("new.max < 10"), ["rule no"]);
    let rule = json!({"expr": "new.max < 10", "message": "m", "code": "c", "pointer": "/max", "severity": "warning"});
    let rules = rules(json!({ "rules": [rule] })).unwrap_or_else(|faults| panic!("{faults:?}"));
    let verdict = judge(&change(r#"{"max": 11}"#), &rules);
    let finding = &verdict.findings[0];
    assert_eq!(
        (finding.code.as_str(), finding.pointer.as_deref(), finding.severity),
        ("c", Some("/max"), Severity::Warning)
    );
    assert_eq!((finding.key.as_deref(), verdict.decision), (Some("app/limits.json"), Decision::Warn));
}

#[test]
fn a_rule_that_cannot_be_worked_out_rejects() {
    for (expr, part) in [
        ("new.min > 1", "No such key"),
        ("new.hosts[7] == 'a'", "out of bounds"),
        ("new.max / 0 == 1", "zero"),
        ("new.hosts > 1", ""),
        ("9223372036854775807 + new.max > 0", "verflow"),
        ("new.max", "int, neither true nor false"),
        ("new.hosts.map(h, int(h)).size() == 3", ""),
    ] {
        let told = holds(expr);
        assert!(told.len() == 1 && told[0].starts_with("expression `") && told[0].contains(part), "{expr}: {told:?}");
    }
    let long = format!(r#"{{"max": "{}"}}"#, "é".repeat(5000));
    let told = told(&change(&long), json!({"rules": [{"expr": "new.max > 1", "message": ""}]}));
    assert!(told[0].len() <= "expression ".len() + MESSAGE_MAX + '…'.len_utf8(), "{}", told[0].len());
}

#[test]
fn a_rule_is_asked_on_what_it_says() {
    let rule = |on: Value| json!({"rules": [{"expr": "false", "message": "m", "on": on}]});
    let update = change("{}");
    assert_eq!(told(&update, rule(json!(["update"]))).len(), 1);
    assert_eq!(told(&update, rule(json!(["create", "delete"]))), [""; 0]);
    let mut delete = change("{}");
    delete.edits[0].new = None;
    delete.edits[0].operation = Operation::Delete;
    assert_eq!(told(&delete, json!({"rules": [{"expr": "new.max > 1", "message": "m"}]})), [""; 0]);
    let kept = json!({"rules": [{"expr": "new != null || 'x-ticket' in metadata", "message": "m", "on": ["delete"]}]});
    assert_eq!(told(&delete, kept), [""; 0]);
}

#[test]
fn documents_are_values_texts_or_bytes() {
    let told = |key: &str, media: &str, text: &str, expr: &str| {
        told(&Change::of(key, media, text), json!({"rules": [{"expr": expr, "message": "no"}]}))
    };
    assert_eq!(told("a.yaml", "", "max: 7", "new.max == 7 && old == null"), [""; 0]);
    assert_eq!(told("a.toml", "", "max = 7", "new.max == 7"), [""; 0]);
    assert_eq!(told("motd", "text/plain", "hello", "new.contains('ell')"), [""; 0]);
    assert!(told("a.json", "", "{", "new.max == 7")[0].starts_with("parse "));
    assert_eq!(told("a.json", "", "{", "key == 'a.json'"), [""; 0], "what is not asked about is not read");
}

#[test]
fn an_expression_that_is_none_is_refused_with_line_and_column() {
    let told = |expr: &str| {
        let found = faults(json!({"rules": [{"expr": "true", "message": ""}, {"expr": expr, "message": ""}]}));
        assert!(found.iter().all(|finding| finding.pointer.as_deref() == Some("/rules/1/expr")));
        found.into_iter().map(|finding| finding.message).collect::<Vec<_>>()
    };
    assert!(told("new.max >\n  && 3")[0].starts_with("line 2, column "), "{:?}", told("new.max >\n  && 3"));
    for expr in ["", "new.", "(", "'abc", "a b", "new.max === 3", "\u{0}"] {
        assert!(!told(expr).is_empty(), "{expr:?}");
    }
    assert_eq!(told("nev.max > 1 && new.max > 1"), ["nothing is called `nev`"]);
    assert_eq!(told("[1].all(x, x > y)"), ["nothing is called `y`"]);
    for (expr, name) in [("nope(new)", "nope"), ("key.matches('a')", "matches"), ("duration('1s') == new", "duration")]
    {
        assert_eq!(told(expr), [format!("no function is called `{name}`")]);
    }
    assert_eq!(told("[1].all(x, [x].exists(y, y == x))"), [""; 0]);
}

#[test]
fn an_expression_that_is_too_deep_or_too_long_is_refused() {
    // Without optimisation the parser takes more stack than a test has.
    let large = std::thread::Builder::new().stack_size(256 << 20);
    let tried = large.spawn(|| {
        for (open, middle, close, count) in [
            ("(", "1", ")", 200),
            ("[", "1", "]", 200),
            ("{1:", "1", "}", 200),
            ("[1].all(x, ", "true", ")", 90),
            ("1+", "1", "", 300),
            ("true?1:", "1", "", 200),
            ("'", "a", "'", 1 << 20),
        ] {
            let expr = [open.repeat(count), middle.into(), close.repeat(count)].concat();
            let found = faults(json!({"rules": [{"expr": expr, "message": ""}]}));
            assert_eq!(found.len(), 1, "{count} times {open}");
        }
    });
    tried.unwrap().join().unwrap();
}

#[test]
fn settings_name_some_rules() {
    for settings in [json!({"rules": []}), json!({"rules": vec![json!({"expr": "true", "message": ""}); 65]})] {
        assert_eq!(faults(settings)[0].pointer.as_deref(), Some("/rules"));
    }
    assert!(serde_json::from_value::<Settings>(json!({"rules": [{"expr": "true"}]})).is_err(), "without a message");
}
