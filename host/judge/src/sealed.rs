//! A copy of a file in memory that nobody can change or cut short any more, so that it can be mapped and run.
//!
//! A file of the folder cannot be: whoever cut it short would stop the host (SIGBUS), and whoever wrote to it after
//! it was checked would have his code run.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use wasmtime::component::Component;
use wasmtime::{Engine, Result};

/// Bytes that are hashed at once: they stay in the processor's cache.
const PIECE_BYTES: usize = 128 << 10;

/// What no one writes to any more.
pub(crate) enum Sealed {
    /// A file that is in no folder; the system refuses writing to it.
    Memory(File),
    /// Where there are no such files: bytes that only this process has, and that are copied once more to be run.
    Bytes(Vec<u8>),
}

impl Sealed {
    /// The rest of a file as it is now.
    pub(crate) fn copy(file: &mut File) -> io::Result<Sealed> {
        let Ok(mut memory) = memory() else {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            return Ok(Sealed::Bytes(bytes));
        };
        io::copy(file, &mut memory)?;
        seal(&memory)?;
        Ok(Sealed::Memory(memory))
    }

    /// Feeds a hash with it.
    pub(crate) fn hash(&self, hasher: &mut blake3::Hasher) -> io::Result<()> {
        let mut file = match self {
            Sealed::Memory(file) => file,
            Sealed::Bytes(bytes) => {
                hasher.update(bytes);
                return Ok(());
            }
        };
        file.seek(SeekFrom::Start(0))?;
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(()),
                read => drop(hasher.update(&piece[..read])),
            }
        }
    }

    /// The component whose code it is.
    ///
    /// # Safety
    /// It is code that this very engine made.
    pub(crate) unsafe fn component(&self, engine: &Engine) -> Result<Component> {
        match self {
            Sealed::Memory(file) => {
                // SAFETY: our caller's promise; and what is mapped stays as it is, for it is sealed.
                unsafe { Component::deserialize_file(engine, path(file)) }
            }
            // SAFETY: our caller's promise.
            Sealed::Bytes(bytes) => unsafe { Component::deserialize(engine, bytes) },
        }
    }
}

/// The one name such a file has.
fn path(file: &File) -> String {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

#[cfg(target_os = "linux")]
fn memory() -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    let file = File::from(memfd_create("sluice-code", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    // Without /proc it cannot be named.
    std::fs::metadata(path(&file)).map(|_| file)
}

#[cfg(target_os = "linux")]
fn seal(file: &File) -> io::Result<()> {
    use rustix::fs::{SealFlags, fcntl_add_seals};
    Ok(fcntl_add_seals(file, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?)
}

#[cfg(not(target_os = "linux"))]
fn memory() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn seal(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::FileExt;

    use super::*;

    fn hash(sealed: &Sealed) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        sealed.hash(&mut hasher).unwrap();
        hasher.finalize()
    }

    #[test]
    fn what_becomes_of_the_file_changes_nothing() {
        let bytes: Vec<u8> = (0..3 * PIECE_BYTES + 7).map(|n| (n % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file.seek(SeekFrom::Start(5)).unwrap();
        let sealed = Sealed::copy(&mut file).unwrap();
        file.set_len(10).unwrap();
        for sealed in [&sealed, &Sealed::Bytes(bytes[5..].to_vec())] {
            assert_eq!(hash(sealed), blake3::hash(&bytes[5..]));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn nobody_can_write_to_it_or_cut_it_short() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"code").unwrap();
        file.rewind().unwrap();
        let Sealed::Memory(memory) = Sealed::copy(&mut file).unwrap() else { panic!("it is not in memory") };
        // As somebody would who finds it among our open files.
        let again = File::options().read(true).write(true).open(path(&memory)).unwrap();
        assert!(again.write_at(b"evil", 0).is_err());
        assert!(again.set_len(0).is_err());
        assert!(again.set_len(5).is_err());
    }
}
