//! The store: one log that takes batches, and an image of them now and then.

mod opening;
mod restored;
mod trial;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use sluice_core::{Batch, Lost, Revision, State, Step};
use sluice_node::{Past, Store};
use tracing::{info, warn};

use crate::claim::Claim;
use crate::error::{Failure, OpenError};
use crate::folder::Folder;
use crate::frame::{Head, Kind, put_frame};
use crate::image;
use crate::log::Log;
use crate::past;
use crate::position::Position;
use crate::probation::Probation;
use crate::record::put_record;
use crate::recover::recover;
use crate::report::OpenReport;
use crate::settings::Settings;
use opening::{create_log, tail, tidy};

/// The local store of a host. The folder is locked for as long as it lives.
pub struct DiskStore {
    shared: Arc<Shared>,
    inner: Mutex<Inner>,
    /// None where nobody counts crashes.
    probation: Mutex<Option<Probation>>,
}

/// A store just opened.
pub struct Opened {
    pub store: DiskStore,
    /// What it had: where the node goes on.
    pub state: State,
    /// What opening found. Damage is for somebody to look at.
    pub report: OpenReport,
}

/// What the thread that writes an image needs, too.
struct Shared {
    folder: Arc<Folder>,
    space: String,
    settings: Settings,
    /// Size of the newest image.
    image_bytes: AtomicU64,
    is_closing: AtomicBool,
    /// The set to fall back to: what leads to it is kept.
    proven: Mutex<Option<Position>>,
}

struct Inner {
    log: Log,
    /// What is on disk leads here.
    position: Position,
    /// The batch written last, by what tells it from the next.
    last: Option<Written>,
    /// Bytes logged since an image was last begun.
    grown: u64,
    buffer: Vec<u8>,
    image: Option<JoinHandle<()>>,
}

// A number alone is not enough: a node that is started anew on the same store counts from one again.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Written {
    number: u64,
    index: u64,
    steps: usize,
    released: Option<Revision>,
}

/// How a batch stands to what is on disk.
enum Place {
    /// It is there.
    Behind,
    /// It comes next, and leads here.
    Next(Position),
    /// It does not fit.
    Apart,
}

impl DiskStore {
    /// Opens the folder of a space, or makes it, and reads back what it holds. Damage never keeps it from
    /// opening: what is damaged is set aside as `*.damaged` and reported, and the newest state that is
    /// whole is gone on from.
    ///
    /// # Errors
    /// Another process has it; it cannot be read or written; it is of another space or a newer version.
    pub fn open(folder: &Path, space: &str, settings: Settings) -> Result<Opened, OpenError> {
        Claim::of(folder, space, settings)?.open()
    }

    pub(crate) fn open_claimed(
        folder: Arc<Folder>,
        space: &str,
        settings: Settings,
        mut probation: Option<Probation>,
    ) -> Result<Opened, OpenError> {
        let mut found = recover(&folder.path, space, None)?;
        tidy(&folder, &settings, &mut found.report)?;
        let log = tail(&folder, space, &settings, &mut found)?;
        let shared = Shared {
            folder,
            space: space.to_owned(),
            settings,
            image_bytes: AtomicU64::new(found.image_bytes),
            is_closing: AtomicBool::new(false),
            proven: Mutex::new(trial::begun(probation.as_mut(), found.position)),
        };
        let (position, grown) = (found.position, found.log_bytes);
        let inner = Inner { log, position, last: None, grown, buffer: Vec::new(), image: None };
        let store = DiskStore { shared: Arc::new(shared), inner: Mutex::new(inner), probation: Mutex::new(probation) };
        Ok(Opened { store, state: found.state, report: found.report })
    }

    /// Waits for the image that is being written, if one is.
    pub fn finish_image(&self) {
        let image = self.inner().image.take();
        if let Some(image) = image
            && image.join().is_err()
        {
            warn!("the thread that writes images panicked");
        }
    }

    // After a panic the log still ends where `position` says: both move last, together.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on in a new log.
    fn rotate(&self, inner: &mut Inner) -> Result<(), Lost> {
        let number = inner.log.number + 1;
        let Shared { folder, space, .. } = &*self.shared;
        let made = create_log(folder, space, number, inner.position);
        inner.log = made.map_err(|error| lost(&folder.file(Kind::Log, number), "create", &error))?;
        Ok(())
    }

    /// Begins an image in the background, of the state the log now ends with.
    fn begin_image(&self, inner: &mut Inner, state: &State) {
        if inner.image.as_ref().is_some_and(|image| !image.is_finished()) {
            return;
        }
        // Whatever becomes of it, the next try comes only after as much again.
        inner.grown = 0;
        if let Err(error) = self.rotate(inner) {
            // The next log may be there all the same, and its head says that this one stops to count here.
            inner.log.distrust();
            warn!(error = error.0, "image not begun");
            return;
        }
        let (shared, state, number, start) = (self.shared.clone(), state.clone(), inner.log.number, inner.position);
        let thread = thread::Builder::new().name("sluice-image".to_owned());
        match thread.spawn(move || shared.write_image(number, start, &state)) {
            Ok(image) => inner.image = Some(image),
            Err(error) => warn!(%error, "image not begun"),
        }
    }
}

impl Store for DiskStore {
    fn persist(&self, batch: &Batch) -> Result<(), Lost> {
        let mut inner = self.inner();
        if batch.is_restored {
            return self.replace(&mut inner, batch);
        }
        let after = match inner.place(batch) {
            Place::Behind => return Ok(()),
            Place::Next(after) => after,
            Place::Apart => return Err(apart(&inner.position, batch)),
        };
        if inner.log.is_suspect() {
            self.rotate(&mut inner)?;
        }
        let Shared { folder, settings, .. } = &*self.shared;
        if let Err((doing, error)) = inner.write(batch, after, settings) {
            return Err(lost(&folder.file(Kind::Log, inner.log.number), doing, &error));
        }
        if inner.grown >= settings.image_due(self.shared.image_bytes.load(Ordering::Relaxed)) {
            self.begin_image(&mut inner, &batch.state);
        }
        Ok(())
    }

    fn past(&self, see: &mut dyn FnMut(Past<'_>)) -> Result<(), Lost> {
        past::show(&self.shared.folder.path, see)
    }
}

impl Drop for DiskStore {
    fn drop(&mut self) {
        // The folder must be nobody's before another process can have it.
        self.shared.is_closing.store(true, Ordering::Relaxed);
        self.finish_image();
    }
}

impl Inner {
    fn place(&self, batch: &Batch) -> Place {
        if self.last == Some(Written::of(batch)) {
            return Place::Behind;
        }
        let after = self.position.after(&batch.steps);
        if after.is_of(&batch.state) {
            return Place::Next(after);
        }
        // Written before the process restarted, by a caller who has not heard of it.
        if batch.state.index <= self.position.index { Place::Behind } else { Place::Apart }
    }

    fn write(&mut self, batch: &Batch, after: Position, settings: &Settings) -> Result<(), (&'static str, io::Error)> {
        self.buffer.clear();
        put_frame(&mut self.buffer, |out| put_record(out, after, &batch.steps));
        self.log.append(&self.buffer, settings)?;
        self.position = after;
        self.last = Some(Written::of(batch));
        self.grown += self.buffer.len() as u64;
        self.buffer.clear();
        self.buffer.shrink_to(settings.buffer_bytes_max);
        Ok(())
    }
}

impl Written {
    fn of(batch: &Batch) -> Written {
        let released = match batch.steps.last() {
            Some(Step::Released(settled)) => Some(settled.entry.revision),
            Some(Step::Folded(_) | Step::Held(_)) | None => None,
        };
        Written { number: batch.number, index: batch.state.index, steps: batch.steps.len(), released }
    }
}

impl Shared {
    fn write_image(&self, number: u64, start: Position, state: &State) {
        let path = self.folder.file(Kind::Image, number);
        let head = Head { space: self.space.clone(), start };
        let write = |file: &_| image::write(file, &head, state, self.folder.way(), &self.is_closing);
        let made = self.folder.create(&path, write);
        match made {
            Ok((_, bytes)) => {
                self.image_bytes.store(bytes, Ordering::Relaxed);
                info!(bytes, revision = %start.cursor, "image written");
            }
            Err(_) if self.is_closing.load(Ordering::Relaxed) => return,
            Err(error) => {
                let error = Failure { path: &path, doing: "write", error: &error };
                warn!(%error, "image not written");
                return;
            }
        }
        if let Err(error) = self.folder.clear(number, self.proven()) {
            warn!(%error, "old files not removed");
        }
    }
}

fn apart(position: &Position, batch: &Batch) -> Lost {
    let (have, got) = (position.cursor, batch.state.cursor);
    Lost(format!("the batch up to {got} does not follow {have}, where the store stands: restart the host"))
}

fn lost(path: &Path, doing: &str, error: &io::Error) -> Lost {
    Lost(Failure { path, doing, error }.to_string())
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
