//! The secret that only this host has.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// The key in a file, which is made with a key from the system's random source if it is not there.
///
/// # Errors
/// The file cannot be made or read, or is no key.
pub(crate) fn of(path: &Path) -> io::Result<[u8; 32]> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    if !path.exists() {
        make(path).map_err(named)?;
    }
    let bytes = fs::read(path).map_err(named)?;
    bytes.try_into().map_err(|bytes: Vec<u8>| {
        let why = format!("{} has {} bytes and not the 32 of a key: remove it", path.display(), bytes.len());
        io::Error::new(io::ErrorKind::InvalidData, why)
    })
}

/// A key from the system's random source, for one process.
///
/// # Errors
/// There is no such source.
pub(crate) fn fresh() -> io::Result<[u8; 32]> {
    let mut key = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    Ok(key)
}

/// Of several processes that make it at once one is the first, and all get its key.
fn make(path: &Path) -> io::Result<()> {
    let mut random = [0; 40];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    let (key, name) = random.split_at(32);
    let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    let fresh = path.with_added_extension(name);
    let mut file = private(&fresh)?;
    file.write_all(key)?;
    // Before it has its name: a power cut must not leave an empty key.
    file.sync_all()?;
    let linked = fs::hard_link(&fresh, path);
    fs::remove_file(&fresh)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A file that nobody else can read from its first moment on.
fn private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let first = of(&path).unwrap();
        assert_eq!(of(&path).unwrap(), first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_ne!(of(&folder.path().join("other")).unwrap(), first);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left over");
    }

    #[test]
    fn what_is_no_key_is_told_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "short").unwrap();
        assert!(of(&path).unwrap_err().to_string().contains("5 bytes and not the 32 of a key: remove it"));
    }
}
