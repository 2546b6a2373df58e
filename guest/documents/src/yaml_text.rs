//! YAML 1.2 with the core schema, and what files in the wild rely on besides: merge keys (`<<`) and
//! `0644` as an octal number. `yes`, `no`, `on` and `off` are text.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Deepest nesting, the same as for JSON: it bounds the guest's stack.
const DEPTH_MAX: usize = 128;

pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        legacy_octal_numbers: true,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_depth: DEPTH_MAX },
    };
    let Any(value) = serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())?;
    Ok(value)
}

/// Whatever the text holds.
struct Any(Value);

/// A key. JSON's are strings, so `8080: http` is read as `"8080": http` and `~: http` as `"null": http`.
struct Name(String);

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor).map(Any)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(AnyVisitor)? {
            Value::String(text) => Ok(Name(text)),
            scalar @ (Value::Null | Value::Bool(_) | Value::Number(_)) => Ok(Name(scalar.to_string())),
            Value::Array(_) | Value::Object(_) => Err(D::Error::custom("a list or a mapping cannot be a key")),
        }
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E: Error>(self, float: f64) -> Result<Value, E> {
        crate::number(float).map_err(E::custom)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Any(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((Name(name), Any(item))) = pairs.next_entry()? {
            map.insert(name, item);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scalars_are_what_yaml_1_2_says() {
        let text = "a: on\nb: 0644\nc: 0o17\nd: 2020-01-01\ne: '1'\nf: ~\ng: 1e3\nh: .inf\ni: true";
        let value = json!({"a": "on", "b": 420, "c": 15, "d": "2020-01-01", "e": "1", "f": null, "g": 1000.0,
            "h": f64::MAX, "i": true});
        assert_eq!(parse(text), Ok(value));
    }

    #[test]
    fn keys_become_text() {
        let text = "8080: a\n~: b\ntrue: c\n1.5: d\n111222333444555666777: e";
        let value = parse(text).unwrap();
        let names: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(&names[..4], ["8080", "null", "true", "1.5"]);
    }

    #[test]
    fn merge_keys_and_tags_are_followed() {
        let value = parse("a: &x {b: 1}\nc: {<<: *x, d: !Sub 2}\ne: !Ref [1]").unwrap();
        assert_eq!(value, json!({"a": {"b": 1}, "c": {"b": 1, "d": 2}, "e": [1]}));
    }

    #[test]
    fn what_is_ambiguous_or_endless_is_refused() {
        let deep = "[".repeat(1000);
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned()
            + &('b'..'m')
                .map(|c| format!("{c}: &{c} [{}]\n", vec![format!("*{}", (c as u8 - 1) as char); 9].join(",")))
                .collect::<String>();
        for text in ["a: 1\na: 2", "a: 1\n---\nb: 2", "a: .nan", "? [a]\n: 1", "a: &x [*x]", &deep, &bomb] {
            assert!(parse(text).is_err(), "{}", &text[..text.len().min(80)]);
        }
    }
}
