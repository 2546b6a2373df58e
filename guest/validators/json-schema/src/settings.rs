//! The settings of a binding and the rules made of them.

use jsonschema::Validator;
use serde::Deserialize;
use serde_json::Value;
use sluice_guest::Finding;

/// A schema, ready to judge with.
pub type Rules = Validator;

/// What a binding says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The JSON Schema.
    pub schema: Value,
    /// Whether `format` is a rule. Off by default, as in the drafts.
    #[serde(default)]
    pub formats: bool,
}

impl Settings {
    /// Compiles the schema; the finding points into the settings.
    pub fn rules(&self) -> Result<Rules, Finding> {
        let options = jsonschema::options().should_validate_formats(self.formats);
        options.build(&self.schema).map_err(|error| {
            let message = format!("not a usable schema: {}", error.masked());
            Finding::error("schema", message).at(format!("/schema{}", error.instance_path()))
        })
    }
}

/// What is wrong with the settings.
pub fn check(settings: &Settings) -> Vec<Finding> {
    settings.rules().err().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(schema: Value) -> Vec<Finding> {
        check(&Settings { schema, formats: false })
    }

    #[test]
    fn a_schema_that_is_none_is_refused_where_it_is_wrong() {
        assert_eq!(
            told(json!({"properties": {"a": {"type": 7}}}))[0].pointer.as_deref(),
            Some("/schema/properties/a/type")
        );
        assert!(told(json!({"type": "object"})).is_empty());
    }

    #[test]
    fn a_reference_into_the_network_is_refused() {
        assert_eq!(told(json!({"$ref": "https://example.com/other.json"})).len(), 1);
        let draft = "http://json-schema.org/draft-07/schema#";
        assert_eq!(told(json!({"$schema": draft, "properties": {"schema": {"$ref": draft}}})), []);
    }
}
