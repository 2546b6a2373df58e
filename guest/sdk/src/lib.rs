//! Makes a plain function a validator.
//!
//! ```
//! use sluice_guest::{Change, Finding, Verdict, validator};
//!
//! validator!(within_hundred);
//! fn within_hundred(change: &Change) -> Verdict {
//!     change.judge(|document| match document.json::<u64>()? {
//!         0..=100 => Ok(None),
//!         n => Ok(Some(Finding::error("too-much", format!("{n} is more than 100")))),
//!     })
//! }
//! # fn main() {}
//! ```
//!
//! The function is an ordinary one, so `cargo test` tests it natively. Built for `wasm32-unknown-unknown`
//! as a `cdylib` it is a validator; `docs/VALIDATORS.md` has the commands.

// The arena is the program's allocator only where a program is one short call in a fresh instance.
#[cfg_attr(not(target_family = "wasm"), allow(dead_code))]
mod arena;
mod change;
mod document;
mod finding;
mod settings;
mod severity;
mod verdict;

/// What `wit-bindgen` makes of `wit/validator.wit`. Public only for [`validator!`].
#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/0.1.0",
        world: "validating",
        pub_export_macro: true,
        default_bindings_module: "sluice_guest::bindings",
        additional_derives: [PartialEq],
    });
}

pub use bindings::exports::sluice::validator::validator::Guest;
pub use bindings::sluice::validator::types::{
    Change, Content, Decision, Description, Document, Edit, Fault, Finding, Operation, Revision, Severity, Verdict,
};
#[doc(hidden)]
pub use settings::{check, parse};

/// Makes a function the validator of this crate.
///
/// - `validator!(f)` with `fn f(change: &Change) -> Verdict`;
/// - `validator!(f, S)` with `fn f(change: &Change, settings: &S) -> Verdict`, where `S` can be
///   deserialized from the JSON of the binding's settings; settings that do not fit `S` are refused when
///   the binding is published;
/// - `validator!(f, S, check)` with `fn check(settings: &S) -> Vec<Finding>` besides, for what a type
///   cannot say of its settings.
#[macro_export]
macro_rules! validator {
    ($judge:path) => {
        $crate::validator!(@export change, settings,
            { let _ = settings; Ok($judge(&change)) },
            { let _ = settings; Ok(Vec::new()) });
    };
    ($judge:path, $settings:ty) => {
        $crate::validator!(@export change, settings,
            Ok($judge(&change, &$crate::parse::<$settings>(&settings)?)),
            Ok($crate::check::<$settings>(&settings, |_| Vec::new())));
    };
    ($judge:path, $settings:ty, $check:path) => {
        $crate::validator!(@export change, settings,
            Ok($judge(&change, &$crate::parse::<$settings>(&settings)?)),
            Ok($crate::check::<$settings>(&settings, $check)));
    };
    (@export $change:ident, $text:ident, $validate:expr, $check:expr) => {
        const _: () = {
            struct Validator;

            // Natively nobody calls it; this makes it count as used all the same.
            const _: fn() -> $crate::Description = <Validator as $crate::Guest>::describe;

            impl $crate::Guest for Validator {
                fn validate($change: $crate::Change, $text: String) -> Result<$crate::Verdict, $crate::Fault> {
                    $validate
                }

                fn check($text: String) -> Result<Vec<$crate::Finding>, $crate::Fault> {
                    $check
                }

                fn describe() -> $crate::Description {
                    $crate::Description {
                        name: env!("CARGO_PKG_NAME").into(),
                        version: env!("CARGO_PKG_VERSION").into(),
                        summary: env!("CARGO_PKG_DESCRIPTION").into(),
                    }
                }
            }

            #[cfg(target_family = "wasm")]
            $crate::bindings::export!(Validator with_types_in $crate::bindings);
        };
    };
}
