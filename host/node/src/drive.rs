//! The loop that carries out effects and brings back answers.
//!
//! It runs on a thread of its own, so that a validator or a write may block it without holding up the
//! runtime that serves readers. One small change goes from the log to being served without leaving that
//! thread; large batches are judged and written on other threads while the loop goes on.

use std::collections::VecDeque;
use std::sync::Arc;

use sluice_core::{
    Ask, Batch, BlobRef, Effect, Event, Judged, Lost, Millis, Node, Revision, Settings, Standing, State,
};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::hub::Hub;
use crate::meter::Meter;
use crate::ports::{Blobs, Judge, Log, Reports, Store};

/// Changes judged in one go on one thread: long enough to pay for handing them over, short enough that
/// both cores come to an end together.
const JUDGE_CHUNK: usize = 32;

/// Largest batch written on the loop's own thread, in bytes; a hand-over costs about as much.
const WRITE_INLINE_BYTES_MAX: usize = 256 << 10;

/// The edges of one host.
#[derive(Clone)]
pub struct Ports {
    /// The log.
    pub log: Arc<dyn Log>,
    /// Large values and components.
    pub blobs: Arc<dyn Blobs>,
    /// Where this host says how far it is.
    pub reports: Arc<dyn Reports>,
    /// The validators.
    pub judge: Arc<dyn Judge>,
    /// The local disk.
    pub store: Arc<dyn Store>,
}

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
    thread: std::thread::JoinHandle<()>,
}

impl Host {
    /// Runs on a thread of its own, with `runtime` for everything that waits.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(self, runtime: Handle) -> std::io::Result<Running> {
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("sluice-apply".to_owned())
            .spawn(move || runtime.clone().block_on(self.run(stopped)))?;
        Ok(Running { stop, thread })
    }

    /// Runs until `stopped` turns true and what has been folded is on disk.
    pub async fn run(self, stopped: watch::Receiver<bool>) {
        let (node, effects) = Node::start(self.settings, self.state, Millis(0));
        let (answers, inbox) = mpsc::unbounded_channel();
        let drive = Drive {
            node,
            ports: self.ports,
            hub: self.hub,
            meter: Meter::default(),
            born: Instant::now(),
            answers,
            inbox,
            ready: VecDeque::new(),
            alarms: 0,
        };
        drive.run(effects, stopped).await;
    }
}

impl Running {
    /// Asks it to stop and waits until it has.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let joined = tokio::task::spawn_blocking(move || self.thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            warn!("the drive loop ended in a panic");
        }
    }

    /// Whether the loop has ended, which it does only when stopped or by a bug.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }
}

struct Drive {
    node: Node,
    ports: Ports,
    hub: Arc<Hub>,
    meter: Meter,
    born: Instant,
    // Unbounded on purpose: the node has at most one pull, one write and one report open, and no more
    // asks than its line is long. A bound here could only block those who answer.
    answers: mpsc::UnboundedSender<Event>,
    inbox: mpsc::UnboundedReceiver<Event>,
    /// Answers that were given on the loop's own thread.
    ready: VecDeque<Event>,
    alarms: u64,
}

impl Drive {
    async fn run(mut self, effects: Vec<Effect>, mut stopped: watch::Receiver<bool>) {
        self.hub.stand(self.node.standing());
        effects.into_iter().for_each(|effect| self.carry_out(effect));
        let mut is_stopping = false;
        while !(is_stopping && self.node.is_durable()) {
            let event = self.next(&mut stopped, is_stopping).await;
            is_stopping |= matches!(event, Event::Stop);
            self.meter.seen(&event);
            if matches!(event, Event::Pulled { result: Ok(_), .. }) {
                self.hub.freshen();
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
        info!(revision = %self.node.served().cursor, "stopped with everything on disk");
    }

    async fn next(&mut self, stopped: &mut watch::Receiver<bool>, is_stopping: bool) -> Event {
        if let Some(event) = self.ready.pop_front() {
            return event;
        }
        let deadline = self.node.deadline().map(|due| self.born + std::time::Duration::from_millis(due.0));
        let tick = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            answer = self.inbox.recv() => answer.expect("the loop holds a sender itself"),
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
        }
    }

    fn pull(&self, after: Revision) {
        let (log, answers) = (self.ports.log.clone(), self.answers.clone());
        tokio::spawn(async move {
            let result = log.pull(after).await;
            answer(&answers, Event::Pulled { after, result });
        });
    }

    fn fetch(&self, blob: BlobRef) {
        let (blobs, answers) = (self.ports.blobs.clone(), self.answers.clone());
        tokio::spawn(async move {
            let result = blobs.fetch(blob.digest).await;
            answer(&answers, Event::Fetched { blob, result });
        });
    }

    fn judge(&mut self, ask: Ask) {
        if let [entry] = ask.entries.as_slice()
            && self.ports.judge.is_ready(entry, &ask.before)
        {
            let judged = judged(&*self.ports.judge, entry, &ask.before);
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
        if bytes_of(&batch) <= WRITE_INLINE_BYTES_MAX {
            let result = self.ports.store.persist(&batch);
            return self.ready.push_back(Event::Persisted { number, result });
        }
        let (store, answers) = (self.ports.store.clone(), self.answers.clone());
        tokio::task::spawn_blocking(move || {
            let result = store.persist(&batch);
            answer(&answers, Event::Persisted { number, result });
        });
    }

    fn report(&self, standing: Standing) {
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
