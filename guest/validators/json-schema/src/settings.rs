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

/// The rules of a binding, or what is wrong with its settings. Large schemas take milliseconds: once a binding.
pub fn prepare(settings: Settings) -> Result<Rules, Vec<Finding>> {
    settings.rules().map_err(|finding| vec![finding])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(schema: Value) -> Vec<Finding> {
        prepare(Settings { schema, formats: false }).err().unwrap_or_default()
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
