//! Stands in for the chance a validator has none of: the hash maps of a crate below ask for a seed. A
//! constant one keeps verdicts equal on all hosts; what crafted keys could cost is bounded by the fuel.

use getrandom::Error;

/// The name `getrandom` calls when it is built with `--cfg getrandom_backend="custom"`.
#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(bytes: *mut u8, length: usize) -> Result<(), Error> {
    // SAFETY: the caller owns `length` bytes there.
    unsafe { bytes.write_bytes(0x5a, length) };
    Ok(())
}
