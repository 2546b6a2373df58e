//! The `sluice` command: see `sluice help`.

// Large pages: half the time of a read among a million keys (decision 9).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    sluice::main(std::env::args_os())
}
