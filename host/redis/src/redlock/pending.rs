//! What must be done before all can be closed: locks that are held or wished for, and releases on their way.

use std::sync::Arc;

use tokio::sync::watch;

/// Counts what is pending. Clones count together.
#[derive(Clone)]
pub(super) struct Pending(Arc<watch::Sender<usize>>);

/// One that is, for as long as this lives.
pub(super) struct One(Arc<watch::Sender<usize>>);

impl Default for Pending {
    fn default() -> Pending {
        Pending(Arc::new(watch::Sender::new(0)))
    }
}

impl Pending {
    pub fn one(&self) -> One {
        self.0.send_modify(|count| *count += 1);
        One(self.0.clone())
    }

    /// Waits until nothing is.
    pub async fn none(&self) {
        let mut counts = self.0.subscribe();
        // The sender is ours: it is not gone.
        drop(counts.wait_for(|count| *count == 0).await);
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
