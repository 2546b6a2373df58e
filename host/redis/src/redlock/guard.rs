//! A lock in the hands of its holder.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sluice_lock::{Loss, Report, Word};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::clock::Clock;

/// What a holder asks of the task that works for its lock.
pub(super) enum Order {
    /// Extend it now, and say whether a majority did; nothing is said once it is lost.
    Extend(Option<oneshot::Sender<bool>>),
    /// Give it back, and say what came of it.
    Release(oneshot::Sender<Report>),
    /// Take it away from its holder.
    Revoke,
}

/// What both sides know.
pub(super) struct Shared {
    pub deadline_ms: AtomicU64,
    pub lost: CancellationToken,
    pub loss: OnceLock<Loss>,
}

/// A lock that is held. Dropped, it is given back: by its task, so that no runtime is needed where it is dropped.
///
/// Holding it is no proof: this process may have slept since the last look. What it protects must compare
/// [`Guard::token`]; [`Guard::check`] only keeps most from trying in vain.
pub struct Guard {
    pub(super) token: u64,
    pub(super) word: Word,
    pub(super) tries: u32,
    pub(super) shared: Arc<Shared>,
    pub(super) orders: mpsc::UnboundedSender<Order>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Guard {
    /// The fencing token: no two holders of a name ever get the same, and a later one gets a higher.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// The value under the lock's name on the masters.
    pub fn word(&self) -> String {
        self.word.to_string()
    }

    /// How often all masters were asked for it until it was had.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// How much longer it is held, by a fresh look at the clock and without I/O.
    ///
    /// # Errors
    /// It is held no longer. That is final.
    pub fn check(&self) -> Result<Duration, Loss> {
        if let Some(loss) = self.shared.loss.get() {
            return Err(*loss);
        }
        let left_ms = self.shared.deadline_ms.load(Ordering::Acquire).saturating_sub(self.clock.now_ms());
        if left_ms > 0 {
            return Ok(Duration::from_millis(left_ms));
        }
        self.shared.lost.cancel();
        Err(*self.shared.loss.get_or_init(|| Loss::Expired))
    }

    /// Cancelled when the lock is lost, and when it is given back: what is done under it must watch this.
    pub fn lost(&self) -> CancellationToken {
        self.shared.lost.clone()
    }

    /// Extends it now; whether that worked shows in [`Guard::check`].
    pub fn extend(&self) {
        drop(self.orders.send(Order::Extend(None)));
    }

    /// Extends it now; whether a majority did, in the time that one round may take.
    ///
    /// # Errors
    /// It is held no longer.
    pub fn extended(&self) -> impl Future<Output = Result<bool, Loss>> + Send + use<> {
        let (tell, told) = oneshot::channel();
        drop(self.orders.send(Order::Extend(Some(tell))));
        let (shared, is_held) = (self.shared.clone(), self.check());
        async move {
            is_held?;
            match told.await {
                Ok(is_extended) => Ok(is_extended),
                // Its task ends when the lock does.
                Err(_) => Err(*shared.loss.get().unwrap_or(&Loss::Expired)),
            }
        }
    }

    /// Takes it away, as an operator does.
    pub fn revoke(&self) {
        drop(self.orders.send(Order::Revoke));
    }

    /// Gives it back, and says what came of it on each master. What is out of reach gets it later, or lets it run out.
    pub async fn release(self) -> Report {
        let (tell, told) = oneshot::channel();
        self.shared.lost.cancel();
        drop(self.orders.send(Order::Release(tell)));
        // A task that is gone has given it back already.
        told.await.unwrap_or_default()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Whoever watches it must stop before somebody else begins; the task gives it back when its orders end.
        self.shared.lost.cancel();
    }
}
