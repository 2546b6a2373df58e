//! A folder that is this host's, before it is read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sluice_core::{Revision, State};
use tracing::warn;

use crate::error::OpenError;
use crate::folder::Folder;
use crate::probation::{CRASHES_MAX, Probation};
use crate::recover::{newest, recover};
use crate::report::OpenReport;
use crate::settings::Settings;
use crate::store::{DiskStore, Opened};

/// A locked folder.
pub struct Claim {
    folder: Arc<Folder>,
    space: String,
    settings: Settings,
    probation: Option<Probation>,
}

impl Claim {
    /// Makes the folder if need be and locks it.
    ///
    /// # Errors
    /// Another process has it; it cannot be written.
    pub fn of(folder: &Path, space: &str, settings: Settings) -> Result<Claim, OpenError> {
        let folder = Arc::new(Folder::claim(folder, &settings)?);
        Ok(Claim { folder, space: space.to_owned(), settings, probation: None })
    }

    /// Counts this start, and answers how many processes before it crashed in succession. Without this call nothing
    /// is counted.
    pub fn begin(&mut self) -> u32 {
        let (probation, written) = Probation::begin(self.folder.clone());
        if let Err(error) = written {
            warn!(%error, "start not counted, a set that makes the host crash may be loaded again");
        }
        let crashes = probation.record().crashes;
        self.probation = Some(probation);
        crashes
    }

    /// Whether the set on disk must not be loaded again: the host crashed with it twice.
    pub fn is_on_hold(&self) -> bool {
        self.probation.as_ref().is_some_and(|probation| probation.record().crashes >= CRASHES_MAX)
    }

    /// The newest set that outlived its probation, or what is left of it, and what was found. Changes nothing there.
    ///
    /// # Errors
    /// The folder cannot be read, or is another's.
    pub fn proven(&mut self) -> Result<(State, OpenReport), OpenError> {
        let until = self.probation.as_ref().and_then(|probation| probation.record().proven);
        let found = recover(&self.folder.path, &self.space, until)?;
        if let Some(Err(error)) = self.probation.as_mut().map(Probation::rest) {
            warn!(%error, "the end of this process will count as a crash");
        }
        Ok((found.state, found.report))
    }

    /// The newest entry that the host took up before it crashed.
    pub fn tried(&self) -> Revision {
        let noted = self.probation.as_ref().map_or(Revision::ZERO, |probation| probation.record().tried);
        noted.max(newest(&self.folder.path))
    }

    /// What an operator removes to have the set on disk loaded again.
    pub fn remedy(&self) -> PathBuf {
        self.folder.path.join("probation")
    }

    /// Opens what is there for good, after a hold: entries up to `newest` are about to be taken up. By an operator's
    /// word crashes are forgotten.
    ///
    /// # Errors
    /// As [`DiskStore::open`].
    pub fn retry(mut self, newest: Revision, by_hand: bool) -> Result<Opened, OpenError> {
        if let Some(probation) = &mut self.probation {
            let path = probation.path();
            probation.retry(newest, by_hand).map_err(OpenError::at(&path, "write"))?;
        }
        self.open()
    }

    /// Opens what is there, as [`DiskStore::open`] does.
    ///
    /// # Errors
    /// As there.
    pub fn open(self) -> Result<Opened, OpenError> {
        DiskStore::open_claimed(self.folder, &self.space, self.settings, self.probation)
    }
}
