//! What a document begins with that is named by its digest: its own four bytes and its format.

use sluice_core::Digest;

use crate::codec::Reader;
use crate::flaw::Flaw;

/// Reads a whole document of this kind.
///
/// # Errors
/// What is wrong with it, said of `what`: other bytes than it is named for, another kind, another format, or no sense in it.
pub fn read<T>(
    bytes: &[u8],
    (what, digest): (&str, Digest),
    (magic, version): (&[u8], u32),
    read: impl Fn(&mut Reader<'_>) -> Option<T>,
) -> Result<T, Flaw> {
    let flaw = |why: &str| Flaw(format!("{what} {digest}: {why}"));
    if Digest::of(bytes) != digest {
        return Err(flaw("its bytes are not those it is named for"));
    }
    let Some(rest) = bytes.strip_prefix(magic) else { return Err(flaw("it does not start as ours do")) };
    let mut reader = Reader::new(rest);
    match reader.u32() {
        Some(found) if found == version => (),
        Some(found) => {
            return Err(flaw(&format!("it is of format {found}, this program reads {version}: upgrade it")));
        }
        None => return Err(flaw("it is cut short")),
    }
    read(&mut reader).filter(|_| reader.is_done()).ok_or_else(|| flaw("it makes no sense"))
}
