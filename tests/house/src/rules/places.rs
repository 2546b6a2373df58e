//! Some things are done in one place only, so that one knows where to look.

use crate::source::Source;
use crate::{Fault, Tree};

const EDGES: &[&str] = &["sluice_redis", "sluice_judge", "sluice_disk", "sluice_http"];
const BINARY: &str = "host/sluice/src/";

/// In the binary only `wiring.rs` names concrete edges.
pub fn wiring(tree: &Tree) -> Vec<Fault> {
    let named = |source: &Source, at: usize| EDGES.iter().any(|edge| source.has_at(at, &[edge]));
    let elsewhere = tree.sources_in(BINARY).filter(|source| !is_under(source, "wiring"));
    let says = "a concrete edge: only wiring.rs names one, all others a port of sluice-node";
    elsewhere.flat_map(|source| faults(source, says, named)).collect()
}

/// Only a `main` ends the process.
pub fn exits(tree: &Tree) -> Vec<Fault> {
    let exits = |source: &Source, at: usize| {
        source.has_at(at, &["process", "::", "exit"]) || source.has_at(at, &["process", "::", "abort"])
    };
    let without_main = tree.sources.iter().filter(|source| source.find(&["fn", "main"]).next().is_none());
    let says = "ends the process: return an error or an exit code, `main` exits";
    without_main.flat_map(|source| faults(source, says, exits)).collect()
}

/// Only `telemetry.rs` installs a subscriber or a recorder.
pub fn telemetry(tree: &Tree) -> Vec<Fault> {
    const INSTALLS: &[&str] =
        &["tracing_subscriber", "set_global_default", "set_global_recorder", "install_recorder", "set_boxed_logger"];
    let installs = |source: &Source, at: usize| INSTALLS.iter().any(|word| source.has_at(at, &[word]));
    let elsewhere = tree.sources_in("host/").filter(|source| !is_under(source, "telemetry"));
    let says = "installs what is global: only telemetry.rs does";
    elsewhere.flat_map(|source| faults(source, says, installs)).collect()
}

/// Only `settings.rs` reads the environment. What clap reads is named in an argument's own attribute and
/// shown by `--help`, so it is part of the command line; and to build scripts cargo speaks in no other way.
pub fn environment(tree: &Tree) -> Vec<Fault> {
    const READS: &[&str] = &["var", "var_os", "vars", "vars_os"];
    let reads = |source: &Source, at: usize| READS.iter().any(|word| source.has_at(at, &["env", "::", word]));
    let elsewhere = tree.sources_in("host/").filter(|source| !is_under(source, "settings") && !is_build(source));
    let says = "reads the environment: only settings.rs does, take it as an argument";
    elsewhere.flat_map(|source| faults(source, says, reads)).collect()
}

fn is_under(source: &Source, module: &str) -> bool {
    let name = source.path.strip_prefix(BINARY).unwrap_or_default();
    name.strip_suffix(".rs") == Some(module) || name.starts_with(&format!("{module}/"))
}

fn is_build(source: &Source) -> bool {
    source.path.ends_with("/build.rs")
}

/// A fault wherever the code, tests aside, does what `is_fault` says.
fn faults(source: &Source, says: &str, is_fault: impl Fn(&Source, usize) -> bool) -> Vec<Fault> {
    let places = (0..source.tokens.len()).filter(|at| !source.is_test_at(*at) && is_fault(source, *at));
    places.map(|at| Fault::new(&source.path, source.line(at), format!("`{}` {says}", source.tokens[at].text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule objects to the text in a command, and not in the module it belongs to.
    #[track_caller]
    fn check(rule: fn(&Tree) -> Vec<Fault>, place: &str, text: &str) {
        let found = |path: &str| rule(&Tree::of(&[(path, text)])).len();
        assert_eq!((found("host/sluice/src/commands/put.rs"), found(place)), (1, 0));
    }

    #[test]
    fn each_place_has_its_own_deed() {
        check(wiring, "host/sluice/src/wiring.rs", "use sluice_disk::Store;");
        check(wiring, "host/sluice/src/wiring/ports.rs", "use sluice_disk::Store;");
        check(telemetry, "host/sluice/src/telemetry.rs", "tracing_subscriber::fmt().init();");
        check(environment, "host/sluice/src/settings.rs", "std::env::var(\"NO_COLOR\")");
    }

    #[test]
    fn only_a_main_exits() {
        let exits = |text| exits(&Tree::of(&[("host/disk/src/a.rs", text)])).len();
        assert_eq!(exits("fn f() { std::process::exit(1) }"), 1);
        assert_eq!(exits("fn main() { std::process::exit(1) }"), 0);
    }
}
