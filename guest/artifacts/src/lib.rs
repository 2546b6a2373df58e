//! The validators of this repository, built for wasm and wrapped as components.
