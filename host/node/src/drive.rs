//! The loop that carries out effects and brings back answers.
//!
//! It is one task of the runtime. Whatever may block (a validator, a write) happens where the runtime has
//! been told to go on elsewhere, so readers are served meanwhile. One small change goes from the log's
//! socket to being served on the thread the socket woke, without a hand-over; large batches are judged and
//! written on other threads, and the next is pulled, while the loop goes on.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use sluice_core::{Ask, Batch, BlobRef, Effect, Event, Judged, Lost, Millis, Node, Place, Settings, Standing, State};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::hub::Hub;
use crate::meter::Meter;
use crate::ports::{Judge, Ports};
use crate::rejoin::Rejoin;

/// Changes judged in one go on one thread: long enough to pay for handing them over, short enough that
/// both cores come to an end together.
const JUDGE_CHUNK: usize = 32;

/// Largest batch written by the loop itself, in bytes; a hand-over costs about as much.
const WRITE_INLINE_BYTES_MAX: usize = 256 << 10;

/// Entries of a pull after which the next one is awaited by a task of its own, so that it is decoded while
/// these are folded. Below that the loop awaits it itself, which spares a lone change the hand-over.
const PULL_AHEAD_ENTRIES: usize = 32;

/// A node about to run.
pub struct Host {
    /// Its bounds.
    pub settings: Settings,
    /// What its store had.
    pub state: State,
    /// Its edges.
    pub ports: Ports,
    /// Where its surfaces read.
    pub hub: Arc<Hub>,
}

/// A node that runs.
pub struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Host {
    /// Runs on `runtime`, best one of several threads: then no reader waits for a validator.
    pub fn start(self, runtime: &Handle) -> Running {
        let (stop, stopped) = watch::channel(false);
        Running { stop, task: runtime.spawn(self.run(stopped)) }
    }

    /// Runs until `stopped` turns true and what has been folded is on disk.
    pub async fn run(self, stopped: watch::Receiver<bool>) {
        let (node, effects) = Node::start(self.settings, self.state, Millis(0));
        let (answers, inbox) = mpsc::unbounded_channel();
        let drive = Drive {
            node,
            rejoin: Rejoin::new(&self.ports),
            ports: self.ports,
            hub: self.hub,
            meter: Meter::default(),
            born: Instant::now(),
            answers,
            inbox,
            ready: VecDeque::new(),
            pulling: None,
            is_ahead: false,
            alarms: 0,
        };
        drive.run(effects, stopped).await;
    }
}

impl Running {
    /// Asks it to stop and waits until it has.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if self.task.await.is_err() {
            warn!("the drive loop ended in a panic");
        }
    }

    /// Whether the loop has ended, which it does only when stopped or by a bug.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }
}

type Pulling = Pin<Box<dyn Future<Output = Event> + Send>>;

struct Drive {
    node: Node,
    rejoin: Rejoin,
    ports: Ports,
    hub: Arc<Hub>,
    meter: Meter,
    born: Instant,
    // Unbounded on purpose: the node has at most one pull, one write and one report open, and no more
    // asks than its line is long. A bound here could only block those who answer.
    answers: mpsc::UnboundedSender<Event>,
    inbox: mpsc::UnboundedReceiver<Event>,
    /// Answers the loop gave itself.
    ready: VecDeque<Event>,
    /// The pull it awaits itself.
    pulling: Option<Pulling>,
    /// Whether pulls are awaited by tasks of their own, for there is much to do.
    is_ahead: bool,
    alarms: u64,
}

impl Drive {
    async fn run(mut self, effects: Vec<Effect>, mut stopped: watch::Receiver<bool>) {
        self.hub.stand(self.node.standing());
        effects.into_iter().for_each(|effect| self.carry_out(effect));
        self.settle_here();
        let mut is_stopping = false;
        while !(is_stopping && self.node.is_durable()) {
            let event = self.next(&mut stopped, is_stopping).await;
            is_stopping |= matches!(event, Event::Stop);
            self.ready.push_back(event);
            self.settle_here();
        }
        info!(revision = %self.node.served().cursor, "stopped with everything on disk");
    }

    /// Handles what is ready. While there is much to do, this is mostly folding: to tell the runtime of
    /// each batch would only toss the loop from thread to thread, at a third of the speed. What blocks all the
    /// same, when the last small pull ends such a time, tells the runtime itself.
    fn settle_here(&mut self) {
        match self.is_ahead {
            true => self.settle(),
            false => may_block(|| self.settle()),
        }
    }

    /// Handles what is ready, and all that comes of it at once.
    fn settle(&mut self) {
        while let Some(event) = self.ready.pop_front() {
            self.meter.seen(&event);
            if let Event::Pulled { result: Ok(entries), .. } = &event {
                self.is_ahead = entries.len() >= PULL_AHEAD_ENTRIES;
                self.hub.freshen(!entries.is_empty());
            }
            let begun = Instant::now();
            let effects = self.node.handle(self.now(), event);
            self.meter.folded(begun.elapsed());
            effects.into_iter().for_each(|effect| self.carry_out(effect));
            if self.alarms != self.node.alarms() {
                self.alarms = self.node.alarms();
                self.hub.stand(self.node.standing());
            }
        }
    }

    async fn next(&mut self, stopped: &mut watch::Receiver<bool>, is_stopping: bool) -> Event {
        let deadline = self.node.deadline().map(|due| self.born + std::time::Duration::from_millis(due.0));
        let tick = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let pulling = &mut self.pulling;
        let pulled = async {
            match pulling.as_mut() {
                Some(pull) => pull.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            answer = self.inbox.recv() => answer.expect("the loop holds a sender itself"),
            event = pulled => {
                self.pulling = None;
                event
            }
            _ = stopped.wait_for(|stopped| *stopped), if !is_stopping => Event::Stop,
            () = tick => Event::Tick,
        }
    }

    fn now(&self) -> Millis {
        Millis(self.born.elapsed().as_millis() as u64)
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Pull { after } => self.pull(after),
            Effect::Fetch { blob } => self.fetch(blob),
            Effect::Judge(ask) => self.judge(ask),
            Effect::Persist(batch) => self.persist(batch),
            Effect::Install(batch) => {
                self.hub.install(&batch);
                self.meter.installed(&batch);
            }
            Effect::Report(standing) => self.report(standing),
            Effect::Restore { beyond } => self.restore(beyond),
            Effect::Rejoin => self.rejoin.start(self.hub.view().state.clone(), self.answers.clone()),
        }
    }

    fn pull(&mut self, after: Place) {
        let log = self.ports.log.clone();
        let pull = async move { Event::Pulled { after: after.revision, result: log.pull(after).await } };
        if !self.is_ahead {
            self.pulling = Some(Box::pin(pull));
            return;
        }
        let answers = self.answers.clone();
        tokio::spawn(async move { answer(&answers, pull.await) });
    }

    fn fetch(&self, blob: BlobRef) {
        let (blobs, answers) = (self.ports.blobs.clone(), self.answers.clone());
        tokio::spawn(async move {
            let result = blobs.fetch(blob.digest).await;
            answer(&answers, Event::Fetched { blob, result });
        });
    }

    fn restore(&self, beyond: Place) {
        let (snapshots, answers) = (self.ports.snapshots.clone(), self.answers.clone());
        let have = self.hub.view().state.clone();
        tokio::spawn(async move { answer(&answers, Event::Restored(snapshots.newest(beyond, have).await)) });
    }

    fn judge(&mut self, ask: Ask) {
        if let [entry] = ask.entries.as_slice()
            && !self.is_ahead
            && self.ports.judge.is_ready(entry, &ask.before)
        {
            let judged = may_block(|| judged(&*self.ports.judge, entry, &ask.before));
            return self.ready.push_back(Event::Judged(vec![judged]));
        }
        for chunk in ask.entries.chunks(JUDGE_CHUNK) {
            let (entries, before) = (chunk.to_vec(), ask.before.clone());
            let (judge, answers) = (self.ports.judge.clone(), self.answers.clone());
            tokio::task::spawn_blocking(move || {
                let judged = entries.iter().map(|entry| judged(&*judge, entry, &before)).collect();
                answer(&answers, Event::Judged(judged));
            });
        }
    }

    fn persist(&mut self, batch: Arc<Batch>) {
        let number = batch.number;
        if !self.is_ahead && !batch.is_restored && bytes_of(&batch) <= WRITE_INLINE_BYTES_MAX {
            let result = may_block(|| self.ports.store.persist(&batch));
            return self.ready.push_back(Event::Persisted { number, result });
        }
        let (store, answers) = (self.ports.store.clone(), self.answers.clone());
        tokio::task::spawn_blocking(move || {
            let result = store.persist(&batch);
            answer(&answers, Event::Persisted { number, result });
        });
    }

    fn report(&self, standing: Standing) {
        let standing = self.hub.shown(standing);
        self.hub.stand(standing.clone());
        let (reports, answers) = (self.ports.reports.clone(), self.answers.clone());
        tokio::spawn(async move {
            if let Err(Lost(why)) = reports.report(standing).await {
                tracing::debug!(%why, "report not sent");
            }
            answer(&answers, Event::Reported);
        });
    }
}

/// Does what may block, and lets the runtime's other tasks go on elsewhere. A runtime of one thread has no
/// elsewhere: they wait.
fn may_block<T>(work: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => block_in_place(work),
        _ => work(),
    }
}

/// Brings an answer back. When the loop has ended there is nobody left to tell, and nothing to do about it.
fn answer(answers: &mpsc::UnboundedSender<Event>, event: Event) {
    drop(answers.send(event));
}

fn judged(judge: &dyn Judge, entry: &sluice_core::Entry, before: &State) -> Judged {
    Judged { revision: entry.revision, digest: entry.digest, result: judge.judge(entry, before) }
}

fn bytes_of(batch: &Batch) -> usize {
    batch.steps.iter().map(|step| step.entry().bytes()).sum()
}
