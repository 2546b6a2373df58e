//! Lines for people who look at one call: `sluice validator run` prints them. In native tests they go to
//! stderr.

/// Something is wrong.
pub fn error(message: impl AsRef<str>) {
    host::log(host::Level::Error, message.as_ref());
}

/// Doubtful.
pub fn warn(message: impl AsRef<str>) {
    host::log(host::Level::Warn, message.as_ref());
}

/// Worth knowing.
pub fn info(message: impl AsRef<str>) {
    host::log(host::Level::Info, message.as_ref());
}

/// For the author only.
pub fn debug(message: impl AsRef<str>) {
    host::log(host::Level::Debug, message.as_ref());
}

#[cfg(target_family = "wasm")]
mod host {
    pub(super) use crate::bindings::sluice::validator::log::{Level, log};
}

#[cfg(not(target_family = "wasm"))]
mod host {
    pub(super) use crate::bindings::sluice::validator::log::Level;

    pub(super) fn log(level: Level, message: &str) {
        eprintln!("{level:?}: {message}");
    }
}
