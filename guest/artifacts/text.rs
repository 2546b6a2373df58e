//! Fixtures written as text: validators that break rules no compiler would let them break.
//!
//! A text that is a component is taken as it is. A module becomes one of our world; what it leaves out of that is
//! done honestly, so that each file shows its one misdeed.

use std::fs;
use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::Outcome;

/// Marks, in its first line, a text that stays the module it is.
const AS_IT_IS: &str = ";; @core";
/// What a text that lacks the first part gets. Zeros are an honest answer: accepted, no findings, nothing to say.
const HONEST: [(&str, &str); 6] = [
    (r#"(memory (export "memory")"#, r#"(memory (export "memory") 1)"#),
    (r#"(global $next"#, r#"(global $next (mut i32) (i32.const 8192))"#),
    (r#""cabi_realloc""#, REALLOC),
    (
        r#"validator@1.0.0#describe""#,
        r#"(func (export "sluice:validator/validator@1.0.0#describe") (result i32) (i32.const 0))"#,
    ),
    (
        r#"validator@1.0.0#configure""#,
        r#"(func (export "sluice:validator/validator@1.0.0#configure") (param i32 i32) (result i32) (i32.const 0))"#,
    ),
    (
        r#""sluice:validator/validator@1.0.0#validate""#,
        r#"(func (export "sluice:validator/validator@1.0.0#validate")
            (param i32 i32 i64 i64 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 0))"#,
    ),
];
/// Takes the next bytes, at multiples of eight, and gives none back.
const REALLOC: &str = r#"
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (local $block i32)
        (local.set $block (global.get $next))
        (global.set $next
            (i32.and (i32.add (i32.add (local.get $block) (local.get 3)) (i32.const 7)) (i32.const -8)))
        (if (i32.gt_u (global.get $next) (i32.shl (memory.size) (i32.const 16))) (then
            (if (i32.eq (i32.const -1) (memory.grow (i32.add (i32.const 1)
                    (i32.shr_u (i32.sub (global.get $next) (i32.shl (memory.size) (i32.const 16))) (i32.const 16)))))
                (then unreachable))))
        (local.get $block))"#;

/// Makes a component of each text in a folder; gives their names.
pub fn build(folder: &Path, wit: &Path, out: &Path) -> Outcome<Vec<String>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit)?;
    let world = resolve.select_world(&[package], Some("validating"))?;
    let names = super::stems(folder, "wat")?;
    for name in &names {
        let text = fs::read_to_string(folder.join(format!("{name}.wat")))?;
        let component = encoded(&text, &resolve, world).map_err(|error| format!("{name}.wat: {error:?}"))?;
        fs::write(out.join(format!("{name}.wasm")), component)?;
    }
    Ok(names)
}

fn encoded(text: &str, resolve: &Resolve, world: wit_parser::WorldId) -> Outcome<Vec<u8>> {
    if text.starts_with(AS_IT_IS) || text.contains("(component") {
        return Ok(wat::parse_str(text)?);
    }
    let mut module = wat::parse_str(whole(text)?)?;
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8, false)?;
    // Some are not valid, which is for hosts to find.
    Ok(ComponentEncoder::default().validate(false).module(&module)?.encode()?)
}

/// The module with what it left out, before its last bracket.
fn whole(text: &str) -> Outcome<String> {
    let (fields, _) = text.rsplit_once(')').ok_or("is no module")?;
    let missing = HONEST.iter().filter(|(part, _)| !text.contains(part)).map(|(_, honest)| *honest);
    Ok([fields].into_iter().chain(missing).chain([")"]).collect::<Vec<_>>().join("\n"))
}
