//! The task of one lock, from the wish to the last release: what decides stands in `sluice_lock`.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sluice_lock::{Ask, Lock, Moment, Outgoing, Refused, Reply, Report, Stage};
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::errand::{Answered, Errand, Master};
use super::guard::{Guard, Order, Shared};
use super::pending::{One, Pending};

/// The clock of the runtime stands still while the machine sleeps: ours is looked at this often, in ms.
const LOOK_MS: u64 = 1_000;

/// What the task has.
pub(super) struct Keeping {
    pub lock: Lock,
    pub masters: Arc<[Master]>,
    pub clock: Arc<dyn Clock>,
    pub register: Arc<AtomicU64>,
    /// How long a release is kept for a master out of reach, and how long its report waits, in ms.
    pub owed_ms: u64,
    pub report_ms: u64,
    pub pending: Pending,
    /// This process's turn for the names.
    pub turns: Vec<OwnedMutexGuard<()>>,
    pub tell: Option<oneshot::Sender<Result<Guard, Refused>>>,
}

/// What the holder waits to be told.
#[derive(Default)]
struct Asked {
    report: Option<oneshot::Sender<Report>>,
    /// Whether a majority extended it in this round, and how long that is waited for.
    extension: Option<(oneshot::Sender<bool>, u64, Instant)>,
    /// There is no holder any more to give orders.
    is_alone: bool,
}

impl Asked {
    /// Tells of an extension that is decided or late.
    fn look(&mut self, won: u64) {
        let is_over = |(_, round, until): &mut (_, u64, Instant)| won >= *round || Instant::now() >= *until;
        if let Some((tell, round, _)) = self.extension.take_if(is_over) {
            let _ = tell.send(won >= round);
        }
    }
}

/// Time and chance as they are now.
pub(super) fn moment(clock: &dyn Clock) -> Moment {
    let chance = u128::from(fastrand::u64(..)) << 64 | u128::from(fastrand::u64(..));
    Moment { now_ms: clock.now_ms(), wall_us: clock.wall_us(), chance }
}

impl Keeping {
    pub async fn run(mut self, one: One) {
        // Unbounded on purpose, both: an answer for each question, and a drop must not wait.
        let (answers, mut answered) = mpsc::unbounded_channel::<Answered>();
        let (orders, mut ordered) = mpsc::unbounded_channel();
        let mut orders = Some(orders);
        let mut asked = Asked::default();
        let shared =
            Arc::new(Shared { deadline_ms: AtomicU64::new(0), lost: CancellationToken::new(), loss: OnceLock::new() });
        let mut over: Option<Instant> = None;
        while !self.lock.is_done() && over.is_none_or(|over| Instant::now() < over) {
            self.send(&answers);
            match self.lock.stage() {
                Stage::Held(hold) => {
                    shared.deadline_ms.store(hold.deadline_ms(), Ordering::Release);
                    let (token, word, tries) = (hold.token(), hold.word(), self.lock.tries());
                    asked.look(hold.rounds().1);
                    if let (Some(tell), Some(orders)) = (self.tell.take(), orders.take()) {
                        let clock = self.clock.clone();
                        // Whoever wished for it may have gone: the guard comes back, and its drop ends the lock.
                        drop(tell.send(Ok(Guard { token, word, tries, shared: shared.clone(), orders, clock })));
                    }
                }
                Stage::Taking(_) | Stage::Pausing { .. } => (),
                stage @ (Stage::Refused(_) | Stage::Lost(_) | Stage::Released) => {
                    if let Stage::Lost(loss) = stage {
                        shared.loss.get_or_init(|| *loss);
                    }
                    if let (Stage::Refused(refused), Some(tell)) = (stage, self.tell.take()) {
                        drop(tell.send(Err(*refused)));
                    }
                    shared.lost.cancel();
                    asked.extension = None;
                    // Its release is in every master's line: whoever of this process comes next stands behind it.
                    self.turns.clear();
                    over.get_or_insert_with(|| Instant::now() + Duration::from_millis(self.report_ms));
                }
            }
            let until = over.or(asked.extension.as_ref().map(|(.., until)| *until));
            let (done, wake) = (self.lock.report(), self.wake(until));
            // A master that hangs must not hold up those who give back.
            if done.deleted + done.gone > self.masters.len() / 2 {
                self.told(&mut asked.report);
            }
            tokio::select! {
                Some((master, serial, reply)) = answered.recv() => self.replied(master, serial, &reply),
                order = ordered.recv(), if !asked.is_alone => self.ordered(order, &mut asked),
                () = gone(&mut self.tell) => {
                    self.tell = None;
                    self.lock.release();
                }
                () = sleep_until(wake) => self.lock.on_time(&moment(&*self.clock)),
            }
        }
        self.told(&mut asked.report);
        drop(one);
    }

    fn ordered(&mut self, order: Option<Order>, asked: &mut Asked) {
        match order {
            Some(Order::Extend(tell)) => {
                self.lock.extend(&moment(&*self.clock));
                let until = Instant::now() + Duration::from_millis(self.report_ms);
                if let Stage::Held(hold) = self.lock.stage() {
                    asked.extension = tell.map(|tell| (tell, hold.rounds().0, until));
                }
            }
            Some(Order::Revoke) => self.lock.revoke(),
            Some(Order::Release(tell)) => {
                asked.report = Some(tell);
                self.lock.release();
            }
            None => {
                asked.is_alone = true;
                self.lock.release();
            }
        }
    }

    fn replied(&mut self, master: usize, serial: u64, reply: &Reply) {
        self.lock.on_reply(master, serial, reply, &moment(&*self.clock));
        self.register.fetch_max(self.lock.register(), Ordering::Relaxed);
    }

    /// Says what came of the release so far; who did not answer gets it later.
    fn told(&self, report: &mut Option<oneshot::Sender<Report>>) {
        if let Some(tell) = report.take() {
            let done = self.lock.report();
            let unreachable = self.masters.len() - done.deleted - done.gone;
            let _ = tell.send(Report { unreachable, ..done });
        }
    }

    fn send(&mut self, answers: &mpsc::UnboundedSender<Answered>) {
        for Outgoing { master, serial, ask } in self.lock.outgoing() {
            let is_owed = matches!(ask, Ask::Release { .. });
            let pending = is_owed.then(|| self.pending.one());
            let until_ms = self.clock.now_ms() + self.owed_ms;
            let answers = answers.clone();
            self.masters[master].send(Errand::Ask { ask, serial, answers, until_ms, _pending: pending });
        }
    }

    /// When to look at the clock again, no later than that.
    fn wake(&self, until: Option<Instant>) -> Instant {
        let now_ms = self.clock.now_ms();
        let left_ms = self.lock.wake_ms().map_or(LOOK_MS, |wake_ms| wake_ms.saturating_sub(now_ms).min(LOOK_MS));
        let wake = Instant::now() + Duration::from_millis(left_ms);
        until.map_or(wake, |until| until.min(wake))
    }
}

/// Ends when whoever wished for the lock has given the wish up; never once they have it.
async fn gone(tell: &mut Option<oneshot::Sender<Result<Guard, Refused>>>) {
    match tell {
        Some(tell) => tell.closed().await,
        None => std::future::pending().await,
    }
}
