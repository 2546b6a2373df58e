//! The child that compiles for a host, as the binary is it.

use std::time::Duration;

use sluice_artifacts::{BOUNDS, JSON_SCHEMA};
use sluice_core::{Digest, Limits};
use sluice_judge::{Binding, Bounds, Child, Compiler, Library, Settings};

fn library(bounds: Bounds) -> Library {
    let child = Child { program: env!("CARGO_BIN_EXE_sluice").into(), args: vec!["compile".to_owned()], bounds };
    Library::open(&Settings { compiler: Compiler::Child(child), ..Settings::default() }).unwrap()
}

fn binding(component: &[u8], settings: &str) -> Binding {
    let text = format!(r#"{{"keys": ["**"], "component": "{}", "settings": {settings}}}"#, Digest::of(component));
    Binding { limits: Limits::DEFAULT, ..Binding::parse("v", text.as_bytes()).unwrap() }
}

#[test]
fn a_child_compiles_and_makes_images() {
    let library = library(Bounds::default());
    assert_eq!(library.inspect(BOUNDS).refusal, None);
    let binding = binding(BOUNDS, r#"{"/max": [1, 100]}"#);
    library.bake(BOUNDS, &binding).unwrap();
    assert!(library.candidate(BOUNDS, &binding).unwrap().has_image());
}

#[test]
fn what_the_guest_does_wrong_while_it_is_configured_is_no_fault() {
    let why = library(Bounds::default()).bake(BOUNDS, &binding(BOUNDS, "\"no settings of its own\"")).err();
    // It says so by findings, which an image holds as well.
    assert_eq!(why, None);
    let why = library(Bounds::default()).inspect(b"\0asm\x0d\0\x01\0 and rubbish").refusal.unwrap();
    assert!(why.starts_with("does not compile"), "{why}");
}

#[test]
fn a_child_ends_where_its_memory_does() {
    let bounds = Bounds { memory_bytes: 80 << 20, ..Bounds::default() };
    let why = library(bounds).inspect(JSON_SCHEMA).refusal.unwrap();
    assert!(why.contains("raise compiler.memory_bytes of this host above 83886080"), "{why}");
}

#[test]
fn a_child_ends_with_its_time() {
    let bounds = Bounds { time: Duration::from_millis(20), ..Bounds::default() };
    let why = library(bounds).inspect(JSON_SCHEMA).refusal.unwrap();
    assert!(why.contains("took longer than 0.02 s"), "{why}");
}
