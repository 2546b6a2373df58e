//! Judges JSON, YAML and TOML documents by a JSON Schema.
