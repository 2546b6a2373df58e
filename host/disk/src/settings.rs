//! Bounds of the store.

use crate::files::Files;

/// Bounds of the store, each with what it defends against.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether a batch is on the disk itself, and not only with the kernel, before it counts as written.
    /// Without it a power cut can cost the newest batches; a crash of the process alone costs nothing.
    pub sync: bool,
    /// How much room a log takes at a time, in bytes: a flush that need not make the file longer costs a
    /// third less, and a disk that fills up is noticed before the last byte.
    pub log_step_bytes: u64,
    /// How far the logs must grow, in bytes, before an image is written: a small state must not be
    /// written out again and again.
    pub image_min_bytes: u64,
    /// How many times the last image the logs must grow: a large state must not be, either. Replaying
    /// stays in proportion to what is stored.
    pub image_factor: u64,
    /// Most bytes kept of a damaged tail, for whoever looks into it.
    pub damaged_bytes_max: u64,
    /// Most damaged files kept: a dying disk must not fill itself with them.
    pub damaged_files_max: usize,
    /// Most bytes the write buffer keeps between batches: one huge batch must not cost memory for ever.
    pub buffer_bytes_max: usize,
    /// The way to the disk, where tests stand in it.
    pub files: Files,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            sync: true,
            log_step_bytes: 4 << 20,
            image_min_bytes: 64 << 20,
            image_factor: 2,
            damaged_bytes_max: 16 << 20,
            damaged_files_max: 4,
            buffer_bytes_max: 8 << 20,
            files: Files::default(),
        }
    }
}

impl Settings {
    /// How far the logs may grow past an image of this size.
    pub(crate) fn image_due(&self, image_bytes: u64) -> u64 {
        self.image_min_bytes.max(image_bytes.saturating_mul(self.image_factor))
    }
}
