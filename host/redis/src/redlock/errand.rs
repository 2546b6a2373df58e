//! What a master's task is asked to do, and what is known of the master.

use std::sync::{Arc, Mutex, PoisonError};

use sluice_lock::admission::{Standing, Witness};
use sluice_lock::{Ask, Reply};
use tokio::sync::{mpsc, oneshot};

use super::pending::One;

/// An answer, with the number of the master and of the question.
pub(super) type Answered = (usize, u64, Reply);

/// What a master's task is asked to do.
pub(super) enum Errand {
    /// Ask this for a lock. A release is kept until then, in ms.
    Ask { ask: Ask, serial: u64, answers: mpsc::UnboundedSender<Answered>, until_ms: u64, _pending: Option<One> },
    /// Tell what tokens it knows of, for another to be admitted.
    Witness(oneshot::Sender<Witness>),
    /// Admit it, with this floor.
    Admit(u64),
    /// Admit it in the run it is in, before its time: the masters are new.
    Bootstrap(u64, oneshot::Sender<()>),
}

/// A master, for those who ask it.
#[derive(Clone)]
pub(super) struct Master {
    /// Unbounded: what comes in is a few questions for each lock there is, and a drop must not wait.
    pub errands: mpsc::UnboundedSender<Errand>,
    pub said: Arc<Mutex<Said>>,
}

/// What is known of a master, for people.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub standing: Option<Standing>,
    pub trouble: Option<String>,
}

impl Master {
    pub fn send(&self, errand: Errand) {
        // A task that is gone was closed: the question is dropped, and who waits for an answer sees that.
        drop(self.errands.send(errand));
    }

    pub fn said(&self) -> Said {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
