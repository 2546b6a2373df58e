//! Documents of three forms, JSON, YAML and TOML, as one kind of value, and the places in them.

pub mod glob;
mod place;
mod toml_text;
mod yaml_text;

use serde_json::{Number, Value};
use sluice_guest::{Document, Finding};

pub use place::{Place, Step};

/// How a document is written.
#[derive(Clone, Copy)]
enum Form {
    Json,
    Yaml,
    Toml,
}

/// The document as a value. Its form is what the media type says, else what the key ends with; JSON if
/// neither says anything.
pub fn parse(key: &str, document: &Document) -> Result<Value, Finding> {
    let extension = key.rsplit_once('.').map_or("", |(_, extension)| extension);
    let form = by_media_type(&document.media_type).or_else(|| by_extension(extension));
    let form = form.or_else(|| is_unsaid(&document.media_type).then_some(Form::Json)).ok_or_else(|| {
        Finding::error("media-type", format!("`{}` is neither JSON, YAML nor TOML", document.media_type))
            .help("end the key with .json, .yaml or .toml, or give the media type when publishing")
    })?;
    let text = document.text()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match form {
        Form::Json => serde_json::from_str(text).map_err(|error| error.to_string()),
        Form::Yaml => yaml_text::parse(text),
        Form::Toml => toml_text::parse(text),
    }
    .map_err(|message| Finding::error("parse", message))
}

fn by_media_type(media_type: &str) -> Option<Form> {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (_, subtype) = essence.split_once('/')?;
    let suffix = subtype.rsplit('+').next().unwrap_or(subtype);
    by_extension(suffix.trim_start_matches("x-"))
}

fn by_extension(extension: &str) -> Option<Form> {
    match extension.to_ascii_lowercase().as_str() {
        "json" => Some(Form::Json),
        "yaml" | "yml" => Some(Form::Yaml),
        "toml" => Some(Form::Toml),
        _ => None,
    }
}

/// Whether this is what a host says of a value nobody gave a media type for.
fn is_unsaid(media_type: &str) -> bool {
    matches!(media_type, "" | "application/octet-stream")
}

/// JSON has no infinity; the largest number there is breaks the same bounds.
fn number(float: f64) -> Result<Value, String> {
    let float = if float.is_infinite() { f64::MAX.copysign(float) } else { float };
    Number::from_f64(float).map(Value::Number).ok_or_else(|| "JSON knows no `nan`".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_goes_before_the_extension() {
        for (media_type, form) in [
            ("application/json; charset=utf-8", "json"),
            ("application/problem+json", "json"),
            ("text/x-yaml", "yaml"),
            ("application/toml", "toml"),
        ] {
            let found = by_media_type(media_type).map(|form| match form {
                Form::Json => "json",
                Form::Yaml => "yaml",
                Form::Toml => "toml",
            });
            assert_eq!(found, Some(form), "{media_type}");
        }
        assert!(by_media_type("application/octet-stream").is_none());
    }
}
