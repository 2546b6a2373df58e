//! How many calls of one binding are under way.

use std::sync::{Condvar, Mutex, MutexGuard};

/// Lets in as many calls as the binding allows at a time; further ones wait.
#[derive(Default)]
pub(crate) struct Gate {
    inside: Mutex<u64>,
    left: Condvar,
}

/// A call that was let in. It has left when dropped.
pub(crate) struct Pass<'g>(&'g Gate);

impl Gate {
    /// Waits until fewer than `most` are inside. Bounded by the time limits of those that are.
    pub(crate) fn enter(&self, most: u64) -> Pass<'_> {
        let mut inside = self.inside();
        while *inside >= most {
            inside = self.left.wait(inside).expect("nothing panics while it holds this lock");
        }
        *inside += 1;
        Pass(self)
    }

    fn inside(&self) -> MutexGuard<'_, u64> {
        self.inside.lock().expect("nothing panics while it holds this lock")
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        *self.0.inside() -= 1;
        self.0.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    use super::*;

    #[test]
    fn no_more_are_inside_than_may_be() {
        let (gate, inside, most) = (Gate::default(), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _pass = gate.enter(2);
                        most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, SeqCst);
                    }
                });
            }
        });
        assert!((1..=2).contains(&most.load(SeqCst)) && *gate.inside() == 0);
    }
}
