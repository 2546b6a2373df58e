//! Makes what `cargo build --target wasm32-unknown-unknown` leaves into a component.

use std::borrow::Cow;

use wit_component::ComponentEncoder;

use crate::library::Unfit;

/// The bytes as a component: as they are if they are one, else wrapped by the world they carry inside.
///
/// # Errors
/// When they are no WebAssembly, or a module made without the validator's world.
pub fn wrapped(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Unfit> {
    match bytes.get(..8) {
        Some(b"\0asm\x0d\0\x01\0") => Ok(Cow::Borrowed(bytes)),
        Some(b"\0asm\x01\0\0\0") => {
            let component = ComponentEncoder::default().validate(true).module(bytes).and_then(|made| made.encode());
            component.map(Cow::Owned).map_err(|error| Unfit(format!("cannot become a component: {error:#}")))
        }
        _ => Err(Unfit("is not WebAssembly".into())),
    }
}
