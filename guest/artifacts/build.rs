//! Builds every validator of this repository for wasm and wraps each as a component.

mod text;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use wit_bindgen_core::{Files, wit_parser::Resolve};
use wit_component::ComponentEncoder;

const TARGET: &str = "wasm32-unknown-unknown";
/// What a change in here makes us build again, from the root of the repository.
const SOURCES: [&str; 9] = [
    "wit",
    "guest/sdk",
    "guest/documents",
    "guest/validators",
    "guest/fixtures",
    "Cargo.toml",
    "Cargo.lock",
    "guest/artifacts/build.rs",
    "guest/artifacts/text.rs",
];
/// Bytes of stack. A fresh instance clears its stack, so a small one is faster; only recursion needs more.
const STACK: usize = 64 << 10;
/// A schema and a document nest, and are walked by recursion.
const STACK_RECURSIVE: usize = 1 << 20;
/// Validators that are built small, and their stacks.
const SMALL: [(&str, usize); 6] = [
    ("json-schema", STACK_RECURSIVE),
    ("size-and-shape", STACK_RECURSIVE),
    ("freeze-window", STACK),
    ("no-secrets", STACK_RECURSIVE),
    ("expression", STACK_RECURSIVE),
    ("references", STACK_RECURSIVE),
];

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() {
    if let Err(error) = build() {
        // cargo shows what goes to stderr when a build script fails
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

fn build() -> Outcome {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    bind_c(&root.join("wit/1.0.0"), &out)?;
    let nest = Nest { target: target_folder(&out), root };
    nest.has_target()?;

    nest.cargo(&["build", "--package=bounds", "--lib"], STACK)?;
    // Small before fast: half the code is half the time a host takes to compile it, and costs little else.
    let small = "--config=profile.guest.opt-level='s'";
    for (name, stack) in SMALL {
        nest.cargo(&["build", &format!("--package={name}"), "--lib", small], stack)?;
    }
    nest.cargo(&["build", "--package=sluice-fixtures", "--examples"], STACK)?;

    let built = nest.target.join(TARGET).join("guest");
    for name in ["bounds"].into_iter().chain(SMALL.map(|(name, _)| name)) {
        let library = name.replace('-', "_");
        wrap(&built.join(format!("{library}.wasm")), &out.join(format!("{name}.wasm")))?;
    }
    let folder = nest.root.join("guest/fixtures");
    let programs = stems(&folder, "rs")?;
    for name in &programs {
        wrap(&built.join(format!("examples/{name}.wasm")), &out.join(format!("{name}.wasm")))?;
    }
    let texts = text::build(&folder, &nest.root.join("wit/1.0.0"), &out)?;
    list(&[programs, texts].concat(), &out)
}

/// The names of the files of a folder that end so, in order.
fn stems(folder: &Path, ending: &str) -> Outcome<Vec<String>> {
    let mut stems = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        if path.extension().is_some_and(|found| found == ending) {
            stems.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
        }
    }
    stems.sort();
    Ok(stems)
}

/// Lists the fixtures as Rust, so that a file in their folder is in the list, or the build stops.
fn list(names: &[String], out: &Path) -> Outcome {
    let line =
        |name: &String| format!("    ({name:?}, include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.wasm\"))),\n");
    let lines: String = names.iter().map(line).collect();
    fs::write(out.join("fixtures.rs"), format!("&[\n{lines}]\n"))?;
    Ok(())
}

/// The contract for C, which projects in C get a copy of: made here, it cannot differ from the contract.
fn bind_c(wit: &Path, out: &Path) -> Outcome {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let world = resolve.select_world(&[package], Some("validating"))?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files)?;
    for (name, bytes) in files.iter() {
        fs::write(out.join(name), bytes)?;
    }
    Ok(())
}

/// A cargo inside cargo. It has its own target folder, for the outer one holds the lock of its own.
struct Nest {
    root: PathBuf,
    target: PathBuf,
}

impl Nest {
    fn has_target(&self) -> Outcome {
        let mut rustc = Command::new("rustc");
        clear(&mut rustc);
        let libraries = rustc.current_dir(&self.root).args(["--print=target-libdir", "--target", TARGET]).output()?;
        let folder = String::from_utf8(libraries.stdout)?;
        if libraries.status.success() && Path::new(folder.trim()).is_dir() {
            return Ok(());
        }
        Err(format!("validators are built for {TARGET}, which is not installed: rustup target add {TARGET}").into())
    }

    fn cargo(&self, arguments: &[&str], stack: usize) -> Outcome {
        let mut cargo = Command::new(env::var_os("CARGO").ok_or("cargo did not say where it is")?);
        clear(&mut cargo);
        let flags = [format!("-Clink-arg=-zstack-size={stack}"), "--cfg=getrandom_backend=\"custom\"".into()];
        let status = cargo
            .current_dir(&self.root)
            .args(arguments)
            .args(["--profile=guest", "--target", TARGET, "--target-dir"])
            .arg(&self.target)
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
            .status()?;
        if status.success() { Ok(()) } else { Err(format!("cargo {} failed", arguments.join(" ")).into()) }
    }
}

/// Takes from a nested command what the outer cargo says about the host build: flags, wrappers (clippy's
/// among them), target folder. What says where packages come from stays.
fn clear(command: &mut Command) {
    const KEPT: [&str; 5] = ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_TERM_"];
    const CLEARED: [&str; 3] = ["CARGO", "RUSTC", "RUSTFLAGS"];
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| text.starts_with(prefix));
        if starts(&CLEARED) && !starts(&KEPT) {
            command.env_remove(&name);
        }
    }
}

/// A folder that all profiles share, so that a release build after a test need not build the guests again.
fn target_folder(out: &Path) -> PathBuf {
    let profile = out.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "build"));
    match profile.and_then(Path::parent).and_then(Path::parent) {
        Some(target) => target.join("guests"),
        None => out.join("guests"),
    }
}

fn wrap(module: &Path, component: &Path) -> Outcome {
    let module = fs::read(module).map_err(|error| format!("{}: {error}", module.display()))?;
    let bytes = ComponentEncoder::default().validate(true).module(&module)?.encode()?;
    fs::write(component, bytes)?;
    Ok(())
}
