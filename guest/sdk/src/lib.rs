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
pub mod current;
mod document;
#[doc(hidden)]
pub mod export;
mod finding;
pub mod log;
mod severity;
pub mod testing;
mod verdict;

/// What `wit-bindgen` makes of the contract. Public only for [`validator!`].
#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/1.0.0",
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
pub use current::lookup;

/// Makes a function the validator of this crate.
///
/// - `validator!(f)` with `fn f(change: &Change) -> Verdict`;
/// - `validator!(f, S)` with `fn f(change: &Change, settings: &S) -> Verdict`, where `S` can be
///   deserialized from the JSON of the binding's settings; settings that do not fit `S` are refused when
///   the binding is published, and a binding without any means `{}`;
/// - `validator!(f, S, check)` with `fn check(settings: &S) -> Vec<Finding>` besides, for what a type
///   cannot say of its settings;
/// - `validator!(f, W => S, prepare)` with `fn prepare(written: W) -> Result<S, Vec<Finding>>`, where the
///   settings are written as `W` and used as `S`. The work happens once, when the binding is published: hosts
///   keep an image of the memory as it is then, and every call begins with it.
///
/// After these may come, in this order, `; keys = ["app/**"]` and `; reads = ["upstreams/*"]`, which keys it
/// is made for and looks up, and `; schema = TEXT`, a JSON Schema of its settings. They are what bindings take
/// when nobody says, and what people are shown.
#[macro_export]
macro_rules! validator {
    ($judge:path $(; $about:ident = $value:expr)*) => {
        $crate::validator!(@export [$(; $about = $value)*] change, text,
            $crate::export::unsettled(&text),
            Ok($judge(&change)));
    };
    ($judge:path, $settings:ty $(; $about:ident = $value:expr)*) => {
        $crate::validator!(@settled $judge, $settings, $settings,
            |written| (Some(written), Vec::new()), [$(; $about = $value)*]);
    };
    ($judge:path, $settings:ty, $check:path $(; $about:ident = $value:expr)*) => {
        $crate::validator!(@settled $judge, $settings, $settings, |written| {
            let findings = $check(&written);
            $crate::export::checked(written, findings)
        }, [$(; $about = $value)*]);
    };
    ($judge:path, $written:ty => $settings:ty, $prepare:path $(; $about:ident = $value:expr)*) => {
        $crate::validator!(@settled $judge, $written, $settings,
            |written| $crate::export::prepared($prepare(written)), [$(; $about = $value)*]);
    };
    (@settled $judge:path, $written:ty, $settings:ty, $prepare:expr, [$(; $about:ident = $value:expr)*]) => {
        const _: () = {
            ::std::thread_local! {
                static SETTINGS: ::std::cell::OnceCell<$settings> = const { ::std::cell::OnceCell::new() };
            }
            $crate::validator!(@export [$(; $about = $value)*] change, text, {
                let (settings, findings) = $crate::export::configured::<$written, $settings>(&text, $prepare);
                if let Some(settings) = settings {
                    SETTINGS.with(|kept| drop(kept.set(settings)));
                }
                findings
            }, SETTINGS.with(|kept| match kept.get() {
                Some(settings) => Ok($judge(&change, settings)),
                None => Err($crate::Fault::Internal("it was not configured".into())),
            }));
        };
    };
    (@export [$(; $about:ident = $value:expr)*] $change:ident, $text:ident, $configure:expr, $validate:expr) => {
        const _: () = {
            struct Validator;

            // Natively nobody calls it; this makes it count as used all the same.
            const _: fn() -> $crate::Description = <Validator as $crate::Guest>::describe;

            impl $crate::Guest for Validator {
                fn describe() -> $crate::Description {
                    $crate::Description {
                        name: env!("CARGO_PKG_NAME").into(),
                        version: env!("CARGO_PKG_VERSION").into(),
                        summary: env!("CARGO_PKG_DESCRIPTION").into(),
                        ..$crate::validator!(@about $(; $about = $value)*)
                    }
                }

                fn configure($text: String) -> Result<Vec<$crate::Finding>, $crate::Fault> {
                    $crate::export::begin();
                    Ok($configure)
                }

                fn validate($change: $crate::Change) -> Result<$crate::Verdict, $crate::Fault> {
                    $crate::export::begin();
                    $validate
                }
            }

            #[cfg(target_family = "wasm")]
            $crate::bindings::export!(Validator with_types_in $crate::bindings);
        };
    };
    (@about $(; keys = $keys:expr)? $(; reads = $reads:expr)? $(; schema = $schema:expr)?) => {
        $crate::Description {
            $(keys: $crate::export::texts(&$keys),)?
            $(reads: $crate::export::texts(&$reads),)?
            $(settings_schema: Some($schema.into()),)?
            ..$crate::Description::default()
        }
    };
}
