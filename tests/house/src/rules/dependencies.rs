//! Which package may depend on which: arrows point one way, and edges never know each other.

use crate::{Fault, Tree};

const EDGE: &[&str] = &["sluice-core", "sluice-node"];
/// What an edge may use that keeps states as bytes, or gives them away.
const KEEPER: &[&str] = &["sluice-core", "sluice-node", "sluice-pack"];
const GUEST: &[&str] = &["sluice-guest"];
/// What a validator that looks into documents may use.
const READER: &[&str] = &["sluice-guest", "sluice-documents"];

/// What each package of ours may use of ours. One that is missing here has yet to find its place.
const ALLOWED: &[(&str, &[&str])] = &[
    ("sluice-core", &[]),
    ("sluice-pack", &["sluice-core"]),
    ("sluice-lock", &[]),
    ("sluice-node", &["sluice-core"]),
    ("sluice-redis", &["sluice-core", "sluice-lock", "sluice-node", "sluice-pack"]),
    ("sluice-judge", EDGE),
    ("sluice-disk", KEEPER),
    ("sluice-http", KEEPER),
    (
        "sluice",
        &[
            "sluice-core",
            "sluice-pack",
            "sluice-node",
            "sluice-redis",
            "sluice-judge",
            "sluice-disk",
            "sluice-http",
            "sluice-artifacts",
        ],
    ),
    ("sluice-guest", &[]),
    ("sluice-documents", GUEST),
    ("sluice-artifacts", &[]),
    ("sluice-fixtures", GUEST),
    ("bounds", GUEST),
    ("json-schema", READER),
    ("size-and-shape", READER),
    ("freeze-window", GUEST),
    ("no-secrets", READER),
    ("expression", READER),
    ("references", READER),
    ("sluice-sim", &["sluice-core", "sluice-node"]),
    // What the live tests know of a host they know as everybody does: by its command line and its HTTP.
    ("sluice-live", &["sluice-core", "sluice-artifacts"]),
    ("sluice-house", &[]),
    ("sluice-fuzz", &["sluice-core", "sluice-node", "sluice-judge", "sluice-disk", "sluice-artifacts"]),
    ("sluice-bench-locks", &["sluice-redis"]),
    (
        "sluice-benches",
        &[
            "sluice-core",
            "sluice-pack",
            "sluice-node",
            "sluice-redis",
            "sluice-judge",
            "sluice-disk",
            "sluice-http",
            "sluice-artifacts",
            "sluice-live",
            "sluice-guest",
            "json-schema",
            // To be a real host in a process of its own.
            "sluice",
        ],
    ),
];

/// What tests alone may use beside that: built validators, and nothing that knows the world better than they do.
const ALLOWED_IN_TESTS: &[&str] = &["sluice-artifacts", "sluice-node", "sluice-core"];

/// All that the core is made of. A new one must be pure, deterministic and worth its weight. The serde crates are
/// there for binding documents alone: what they name decides in which order changes may settle.
const CORE: &[&str] = &["arrayvec", "blake3", "bytes", "imbl", "serde", "serde_json"];

/// Each package uses only those of ours that lie nearer to the core.
pub fn arrows(tree: &Tree) -> Vec<Fault> {
    let ours: Vec<String> = tree.manifests().map(|manifest| manifest.name).collect();
    let mut faults = Vec::new();
    for manifest in tree.manifests() {
        let Some((name, allowed)) = ALLOWED.iter().find(|(name, _)| *name == manifest.name) else {
            let says = format!("`{}` has no place yet: give it one in ALLOWED of {}", manifest.name, file!());
            faults.push(Fault::new(manifest.path, 1, says));
            continue;
        };
        for used in manifest.dependencies.iter().filter(|used| ours.contains(&used.name)) {
            let for_tests = used.is_dev && *name != "sluice-core" && ALLOWED_IN_TESTS.contains(&used.name.as_str());
            if !for_tests && !allowed.contains(&used.name.as_str()) {
                let says = format!("`{name}` must not know `{}`: let a port of sluice-node stand between", used.name);
                faults.push(Fault::new(manifest.path, used.line, says));
            }
        }
    }
    faults
}

/// The core stands on a short, fixed list of crates.
pub fn core(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for manifest in tree.manifests().filter(|manifest| manifest.name == "sluice-core") {
        for used in manifest.dependencies.iter().filter(|used| !used.is_dev && !CORE.contains(&used.name.as_str())) {
            let says = format!("the core depends on `{}`: it has {} and no more", used.name, CORE.join(", "));
            faults.push(Fault::new(manifest.path, used.line, says));
        }
    }
    faults
}

/// Every package is held to the lints of the workspace.
pub fn lints(tree: &Tree) -> Vec<Fault> {
    let without = tree.manifests().filter(|manifest| !manifest.has_lints);
    without.map(|manifest| Fault::new(manifest.path, 1, "no lints: add `[lints]` with `workspace = true`")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(dependencies: &str) -> Tree {
        let disk = format!("[package]\nname = \"sluice-disk\"\n[dependencies]\n{dependencies}");
        let core = format!("[package]\nname = \"sluice-core\"\n[dependencies]\n{dependencies}");
        Tree::of(&[
            ("host/disk/Cargo.toml", &disk),
            ("host/core/Cargo.toml", &core),
            ("host/redis/Cargo.toml", "[package]\nname = \"sluice-redis\"\n[lints]\nworkspace = true\n"),
        ])
    }

    #[test]
    fn an_edge_that_knows_another_is_found() {
        let faults = arrows(&tree("sluice-core = 1\nsluice-redis = 1\n[dev-dependencies]\nsluice-redis = 1"));
        let found: Vec<_> = faults.iter().map(|fault| (fault.path.as_str(), fault.line)).collect();
        let disk = "host/disk/Cargo.toml";
        let core = "host/core/Cargo.toml";
        assert_eq!(found, [(disk, 5), (disk, 7), (core, 4), (core, 5), (core, 7)]);
    }

    #[test]
    fn a_crate_new_to_the_core_is_found() {
        assert_eq!(core(&tree("blake3 = 1\nfastrand = 1")).len(), 1);
    }

    #[test]
    fn a_package_without_lints_is_found() {
        assert_eq!(lints(&tree("")).len(), 2);
    }
}
