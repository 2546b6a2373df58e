//! Runs validators: wasmtime components under fuel, memory and time limits.
