//! Compiled components on disk.
//!
//! What lies here is native code that will be run, so it is only taken back if it is, byte for byte, what
//! this host put there: a keyed BLAKE3 covers the component, the engine and the code, and the key lies beside
//! the folder and never in it. A folder that comes from elsewhere, in an image or a backup, is therefore as
//! good as empty, and so is a file that somebody wrote who cannot read the key. Both are compiled again.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sluice_core::Digest;
use wasmtime::Engine;

use crate::engine::fingerprint;
use crate::key;
use crate::sealed::Sealed;

/// Begins every file and says how it is laid out: this, 32 bytes of digest, the code.
const MAGIC: &[u8; 16] = b"sluice cwasm v2\n";
const HEAD: usize = 16 + 32;
/// What nobody has written to for this long, and no version of ours reads, is cleared away. Younger files
/// may be another process's, which shares the folder and is just writing or still runs the other version.
const LEFT_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// A folder of compiled components.
pub(crate) struct Shelf {
    folder: PathBuf,
    engine: u64,
    /// None when it is not to be had: then nothing is taken back, and nothing put here.
    key: Option<[u8; 32]>,
}

impl Shelf {
    /// Opens the folder, makes it if need be, and clears away what another version left.
    pub(crate) fn open(folder: &Path, engine: &Engine) -> io::Result<Shelf> {
        fs::create_dir_all(folder)?;
        own(folder)?;
        // A host must start without it: where the folder is writable and its parent is not, say.
        let key = key::of(&folder.with_added_extension("key"))
            .inspect_err(
                |error| tracing::warn!(%error, "compiled validators are not kept: no key beside the cache folder"),
            )
            .ok();
        let shelf = Shelf { folder: folder.into(), engine: fingerprint(engine), key };
        shelf.clear_foreign()?;
        Ok(shelf)
    }

    /// The compiled component, if it lies here undamaged.
    pub(crate) fn take(&self, component: Digest) -> Option<Sealed> {
        let mut file = fs::File::open(self.path(component)).ok()?;
        let found = self.checked(component, &mut file);
        if !matches!(found, Ok(Some(_))) {
            let error = found.as_ref().err();
            tracing::warn!(%component, ?error, "compiled component on disk is damaged, or not by this host: compiling it again");
        }
        found.ok().flatten()
    }

    /// The code in a file; none if it is not what this host put there.
    fn checked(&self, component: Digest, file: &mut fs::File) -> io::Result<Option<Sealed>> {
        let mut head = [0; HEAD];
        file.read_exact(&mut head)?;
        let (magic, seal) = head.split_at(MAGIC.len());
        let (Ok(seal), Some(mut hasher)) = (blake3::Hash::from_slice(seal), self.hasher(component)) else {
            return Ok(None);
        };
        // Sealed first and hashed then: what is hashed is what will be run.
        let code = Sealed::copy(file)?;
        code.hash(&mut hasher)?;
        // Compared as hashes, which takes as long wherever the first difference is.
        Ok((magic == MAGIC && seal == hasher.finalize()).then_some(code))
    }

    /// The secret of this host, if there is one.
    pub(crate) fn key(&self) -> Option<[u8; 32]> {
        self.key
    }

    /// Whether something lies here under this name; [`Shelf::take`] tells whether it is whole.
    pub(crate) fn has(&self, component: Digest) -> bool {
        self.path(component).exists()
    }

    /// Waits until no other process that shares the folder compiles, and keeps them waiting until the file
    /// is dropped. Without it each would do the same work. A process that dies lets go.
    pub(crate) fn alone(&self) -> Option<fs::File> {
        let file = fs::File::create(self.folder.join("lock")).ok()?;
        file.lock().ok()?;
        Some(file)
    }

    /// Puts a compiled component here. A crash leaves the old file, or none.
    pub(crate) fn put(&self, component: Digest, code: &[u8]) -> io::Result<()> {
        let Some(mut hasher) = self.hasher(component) else { return Ok(()) };
        let seal = hasher.update(code).finalize();
        let path = self.path(component);
        let fresh = path.with_extension(format!("tmp{}", std::process::id()));
        let mut bytes = Vec::with_capacity(HEAD + code.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(seal.as_bytes());
        bytes.extend_from_slice(code);
        fs::write(&fresh, bytes)?;
        fs::rename(&fresh, &path)
    }

    fn path(&self, component: Digest) -> PathBuf {
        self.folder.join(format!("{component}-{:016x}.cwasm", self.engine))
    }

    /// What the code of a component is sealed with, but for the code.
    fn hasher(&self, component: Digest) -> Option<blake3::Hasher> {
        let mut hasher = blake3::Hasher::new_keyed(self.key.as_ref()?);
        hasher.update(&component.0).update(&self.engine.to_be_bytes());
        Some(hasher)
    }

    fn clear_foreign(&self) -> io::Result<()> {
        let ours = format!("-{:016x}.cwasm", self.engine);
        for file in fs::read_dir(&self.folder)? {
            let file = file?;
            let name = file.file_name().to_string_lossy().into_owned();
            let is_left = file.metadata()?.modified()?.elapsed().is_ok_and(|age| age > LEFT_AFTER);
            if is_left && (name.contains(".tmp") || (name.ends_with(".cwasm") && !name.ends_with(&ours))) {
                // Another process may have been quicker.
                drop(fs::remove_file(file.path()));
            }
        }
        Ok(())
    }
}

#[cfg(unix)]
fn own(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn own(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether exactly this is taken.
    fn is_taken(shelf: &Shelf, component: Digest, code: &[u8]) -> bool {
        let hash = |sealed: Sealed| {
            let mut hasher = blake3::Hasher::new();
            sealed.hash(&mut hasher).unwrap();
            hasher.finalize()
        };
        shelf.take(component).map(hash) == Some(blake3::hash(code))
    }

    #[test]
    fn code_is_taken_back_only_if_nothing_about_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path(), &Engine::default()).unwrap();
        let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
        shelf.put(one, b"native code").unwrap();
        assert!(is_taken(&shelf, one, b"native code"));
        assert!(shelf.take(two).is_none());

        fs::copy(shelf.path(one), shelf.path(two)).unwrap();
        assert!(shelf.take(two).is_none(), "code of another component");
        let whole = fs::read(shelf.path(one)).unwrap();
        for damaged in [&whole[..whole.len() - 1], &whole[..20], b"", &[&whole[..50], b"x", &whole[51..]].concat()] {
            fs::write(shelf.path(one), damaged).unwrap();
            assert!(shelf.take(one).is_none());
        }
    }

    #[test]
    fn a_folder_from_elsewhere_is_as_good_as_empty() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let open = |folder: &tempfile::TempDir| Shelf::open(&folder.path().join("cache"), &Engine::default()).unwrap();
        let (ours, theirs) = (open(&here), open(&there));
        let component = Digest::of(b"one");
        theirs.put(component, b"evil code").unwrap();
        fs::copy(theirs.path(component), ours.path(component)).unwrap();
        assert!(ours.take(component).is_none());
        assert!(is_taken(&open(&there), component, b"evil code"), "its own key outlives a restart");
    }

    #[test]
    fn without_a_key_nothing_is_kept_and_nothing_fails() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("cache.key")).unwrap();
        let shelf = Shelf::open(&folder.path().join("cache"), &Engine::default()).unwrap();
        shelf.put(Digest::of(b"one"), b"code").unwrap();
        assert!(shelf.take(Digest::of(b"one")).is_none());
    }

    #[test]
    fn what_another_version_left_long_ago_is_cleared_away() {
        let folder = tempfile::tempdir().unwrap();
        let foreign = folder.path().join("00-0000000000000000.cwasm");
        fs::write(&foreign, "old").unwrap();
        Shelf::open(folder.path(), &Engine::default()).unwrap();
        assert!(foreign.exists(), "another process may run that version");
        let file = fs::File::options().write(true).open(&foreign).unwrap();
        file.set_modified(std::time::SystemTime::now() - 2 * LEFT_AFTER).unwrap();
        Shelf::open(folder.path(), &Engine::default()).unwrap();
        assert!(!foreign.exists());
    }
}
