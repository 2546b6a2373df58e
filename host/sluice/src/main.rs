//! The `sluice` command: see `sluice help`.

fn main() -> std::process::ExitCode {
    sluice::main(std::env::args_os())
}
