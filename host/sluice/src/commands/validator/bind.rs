//! `sluice validator bind`: a binding is a document under `_sluice/validators/`, published like any other.

use anyhow::Result;
use clap::ValueEnum;
use serde_json::{Map, Value, json};
use sluice_core::Key;
use sluice_core::key::VALIDATORS;

use super::component::Component;
use crate::cli::{Bind, PublishArgs};
use crate::draft::Edit;
use crate::exit::{Ended, usage};
use crate::publish;
use crate::space::{Context, value};
use crate::way::Way;
use crate::wiring::edges::Binding;

pub async fn bind(context: &Context, args: &Bind) -> Result<Ended> {
    let key = Key::parse(format!("{VALIDATORS}{}", args.name).as_bytes()).map_err(usage)?;
    let settings = args.settings.as_deref().map(settings).transpose()?;
    let space = context.space()?;
    let component = Component::find(&args.component, &space).await?;
    let (keys, reads) = globs(args, &component)?;
    let document = document(args, &keys, &reads, &component.digest.to_string(), settings).to_string();
    Binding::parse(&args.name, document.as_bytes())
        .map_err(|error| usage(format!("{}: {}", error.pointer, error.message)))?;
    if !args.publish.dry_run {
        component.store(&space).await?;
    } else if !component.is_stored(&space).await {
        return Err(usage("a dry run stores nothing: push the component first"));
    }
    let edit = Edit::Put { key, value: document.into(), media: Some("application/json".to_owned()) };
    let edits = [component.announcement()?, edit];
    publish::publish(context, &Way::Redis(space), &edits, &[], &args.publish).await
}

/// Takes a binding away that is there.
pub async fn unbind(context: &Context, name: &str, args: &PublishArgs) -> Result<Ended> {
    let key = Key::parse(format!("{VALIDATORS}{name}").as_bytes()).map_err(usage)?;
    let way = Way::of(context)?;
    if way.state(key.as_str()).await?.item(&key).is_none() {
        context.output.remark(format!("no validator is bound as {name}: sluice validator ls shows those that are"));
        return Ok(Ended::No);
    }
    publish::publish(context, &way, &[Edit::Delete { key }], &[], args).await
}

/// Settings as typed: JSON, or a file of it.
pub fn settings(text: &str) -> Result<Value> {
    let bytes = value(text)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| usage(format!("the settings are no JSON: {error}: write JSON, or @file")))
}

/// Which keys it judges and looks up: as typed, or else as the validator says of itself.
fn globs(args: &Bind, component: &Component) -> Result<(Vec<String>, Vec<String>)> {
    if !args.keys.is_empty() && !args.reads.is_empty() {
        return Ok((args.keys.clone(), args.reads.clone()));
    }
    let said = component.description()?;
    let or = |typed: &Vec<String>, said: Vec<String>| if typed.is_empty() { said } else { typed.clone() };
    let (keys, reads) = (or(&args.keys, said.keys), or(&args.reads, said.reads));
    if keys.is_empty() {
        return Err(usage("the validator does not say which keys it is made for: give --keys GLOB"));
    }
    Ok((keys, reads))
}

/// What is left out has the hosts' defaults, also after they have changed.
fn document(args: &Bind, keys: &[String], reads: &[String], component: &str, settings: Option<Value>) -> Value {
    let limits = args.limits.document();
    let mut document = Map::from_iter([("keys".to_owned(), json!(keys)), ("component".to_owned(), json!(component))]);
    if !reads.is_empty() {
        document.insert("reads".to_owned(), json!(reads));
    }
    if let Some(settings) = settings {
        document.insert("settings".to_owned(), settings);
    }
    if !limits.is_empty() {
        document.insert("limits".to_owned(), limits.into());
    }
    if let Some(mode) = args.mode {
        document.insert("mode".to_owned(), json!(mode.to_possible_value().map(|value| value.get_name().to_owned())));
    }
    document.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{BindMode, LimitArgs};

    #[test]
    fn a_binding_says_only_what_was_said() {
        let args = |fuel| Bind {
            name: "v".to_owned(),
            component: String::new(),
            keys: vec!["app/**".to_owned()],
            reads: Vec::new(),
            settings: None,
            limits: LimitArgs { fuel, ..LimitArgs::default() },
            mode: fuel.map(|_| BindMode::Monitor),
            publish: crate::cli::PublishArgs::default(),
        };
        let keys = ["app/**".to_owned()];
        assert_eq!(
            document(&args(None), &keys, &[], "aa", None).to_string(),
            r#"{"keys":["app/**"],"component":"aa"}"#
        );
        assert_eq!(
            document(&args(Some(7)), &keys, &["b".to_owned()], "aa", Some(json!({"max": 1}))).to_string(),
            r#"{"keys":["app/**"],"component":"aa","reads":["b"],"settings":{"max":1},"limits":{"fuel":7},"mode":"monitor"}"#
        );
    }
}
