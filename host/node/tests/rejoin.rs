//! What a log lost and a host has: how it comes back, on ports in memory.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sluice_core::effect::Settled;
use sluice_core::{
    Batch, Cause, Entry, Key, LOST_FIELD, Lost, Outcome, Place, PullError, Revision, State, Step, Verdict, fold,
};
use sluice_node::hub::wall_ms;
use sluice_node::memory::{FnJudge, MemoryBlobs, MemoryLeases, MemoryLog, MemoryReports, MemorySnapshots, accept_all};
use sluice_node::ports::{Answer, Past};
use sluice_node::rejoin::{LOST, OVER_FIELD, Rejoin};
use sluice_node::{AppendError, Blobs, Judge, Leases, Log, Ports, Store};

type Fields = Vec<(Bytes, Bytes)>;

fn fields(pairs: &[(&str, &str)]) -> Fields {
    let owned = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    pairs.iter().map(|(name, value)| (owned(name), owned(value))).collect()
}

/// A host that has more of a log than the log.
#[derive(Clone, Default)]
struct Host {
    state: State,
    steps: Vec<Step>,
}

impl Store for Host {
    fn persist(&self, _: &Batch) -> Result<(), Lost> {
        Ok(())
    }

    fn past(&self, see: &mut dyn FnMut(Past<'_>)) -> Result<(), Lost> {
        let mut state = State::default();
        see(Past::Begins(&state));
        for step in &self.steps {
            let before = state.clone();
            fold::replay(&mut state, step);
            see(Past::Took { before: &before, step, after: &state });
        }
        Ok(())
    }
}

impl Host {
    /// Takes an entry with this verdict, whether or not the log keeps it.
    fn take(&mut self, entry: Arc<Entry>) {
        let outcome = fold::fold(&mut self.state, &entry, |_, _| Verdict::accept());
        self.steps.push(Step::Folded(Settled { entry, verdict: Some(Verdict::accept()), outcome }));
    }

    /// Takes one that the log will have lost, and gives its revision.
    fn take_lost(&mut self, pairs: &[(&str, &str)]) -> Revision {
        let at = Revision { seq: self.state.cursor.seq + 1, ..self.state.cursor };
        self.take(Arc::new(Entry::read(at, fields(pairs))));
        at
    }
}

struct Rig {
    log: Arc<MemoryLog>,
    blobs: Arc<MemoryBlobs>,
    leases: Arc<MemoryLeases>,
    host: Host,
}

impl Rig {
    /// A log with these entries, and a host that has them.
    async fn with(entries: &[&[(&str, &str)]]) -> Rig {
        let log = Arc::new(MemoryLog::default());
        let mut host = Host::default();
        for pairs in entries {
            log.append(fields(pairs)).await.unwrap();
        }
        log.read(Revision::ZERO, 99).await.unwrap().into_iter().for_each(|entry| host.take(entry));
        Rig { log, blobs: Arc::default(), leases: Arc::default(), host }
    }

    fn rejoin(&self, log: Arc<dyn Log>, judge: impl Judge + 'static) -> Rejoin {
        Rejoin::new(&Ports {
            log,
            blobs: self.blobs.clone(),
            snapshots: Arc::new(MemorySnapshots::default()),
            reports: Arc::new(MemoryReports::default()),
            judge: Arc::new(judge),
            store: Arc::new(self.host.clone()),
            leases: self.leases.clone(),
        })
    }

    async fn rejoined(&self) -> Result<State, Lost> {
        // What was lost stands in the same ms as what was not: nobody comes back before the log's clock has gone on.
        while wall_ms() <= self.host.state.cursor.ms {
            tokio::task::yield_now().await;
        }
        let rejoin = self.rejoin(self.log.clone(), accept_all());
        let snapshot = rejoin.run(self.host.state.clone()).await.expect("nobody else is at it")?;
        Ok(snapshot.expect("a state").state)
    }

    async fn entries(&self) -> Vec<Arc<Entry>> {
        self.log.read(Revision::ZERO, 99_999).await.unwrap()
    }

    /// What stands in the log for an entry that was lost.
    async fn back(&self, lost: Revision) -> Vec<Arc<Entry>> {
        let named = |entry: &Arc<Entry>| field(entry, LOST_FIELD) == Some(lost.to_string());
        self.entries().await.into_iter().filter(named).collect()
    }
}

fn field(entry: &Entry, wanted: &str) -> Option<String> {
    let (_, value) = entry.fields.iter().find(|(name, _)| name == wanted)?;
    Some(String::from_utf8_lossy(value).into_owned())
}

fn value(state: &State, key: &str) -> Option<String> {
    let item = state.item(&Key::parse(key.as_bytes()).unwrap())?;
    Some(String::from_utf8_lossy(&item.bytes).into_owned())
}

#[tokio::test]
async fn a_lost_change_whose_time_is_over_ends_as_that_once_and_changes_nothing() {
    let mut rig = Rig::with(&[&[("put:k", "before")]]).await;
    let until = (rig.host.state.cursor.ms + 1).to_string();
    let over = rig.host.take_lost(&[("put:k", "sale"), ("until", &until), ("author", "mei"), ("token", "t-1")]);
    let other = rig.host.take_lost(&[("put:other", "1")]);
    rig.log.append(fields(&[("put:of-others", "1")])).await.unwrap();
    // The clock of this log passes it for certain: each append is at least one ms or one number later.
    while rig.entries().await.last().unwrap().revision.ms <= until.parse().unwrap() {
        rig.log.append(fields(&[("tick", "")])).await.unwrap();
    }
    let state = rig.rejoined().await.unwrap();
    assert_eq!(value(&state, "k").as_deref(), Some("before"));
    assert_eq!(value(&state, "other").as_deref(), Some("1"));
    let back = rig.back(over).await;
    assert_eq!(back.len(), 1);
    assert!(back[0].content.is_ok(), "{:?}", back[0].content);
    assert_eq!((field(&back[0], OVER_FIELD), field(&back[0], "author")), (Some(until), Some("mei".to_owned())));
    assert_eq!(rig.back(other).await.len(), 1);
    // A publisher that repeats it is told that it was taken, and so is the next host.
    let mut state = state;
    let again =
        Entry::read(Revision { ms: state.cursor.ms + 1, seq: 0 }, fields(&[("put:k", "sale"), ("token", "t-1")]));
    assert_eq!(fold::fold(&mut state, &again, |_, _| Verdict::accept()).class(), "duplicate");
    rig.rejoined().await.unwrap();
    assert_eq!((rig.back(over).await.len(), rig.back(other).await.len()), (1, 1));
}

#[tokio::test]
async fn a_lost_plan_whose_time_has_come_does_not_begin_over_a_newer_change() {
    let mut rig = Rig::with(&[&[("put:k", "before")]]).await;
    let from = (rig.host.state.cursor.ms + 1).to_string();
    rig.host.take_lost(&[("put:k", "planned"), ("from", &from)]);
    let fork = rig.host.state.cursor;
    rig.log.append(fields(&[("put:k", "newer")])).await.unwrap();
    while rig.entries().await.last().unwrap().revision.ms <= from.parse().unwrap() {
        rig.log.append(fields(&[("tick", "")])).await.unwrap();
    }
    let state = rig.rejoined().await.unwrap();
    assert_eq!(value(&state, "k").as_deref(), Some("newer"));
    let refused = state.refused.back().expect("it is told");
    assert_eq!(refused.refusal.class(), "conflict");
    assert_eq!(rig.back(fork).await.len(), 1);
}

#[tokio::test]
async fn blobs_of_what_was_lost_are_fetched_and_one_that_is_gone_is_named() {
    let mut rig = Rig::with(&[&[("put:k", "1")]]).await;
    let stored = rig.blobs.store(Bytes::from_static(b"large")).await.unwrap();
    let mut entry = Entry::read(
        Revision { seq: rig.host.state.cursor.seq + 1, ..rig.host.state.cursor },
        fields(&[("put-blob:big", &format!("{} {}", stored.digest, stored.length))]),
    );
    let change = entry.content.as_mut().unwrap();
    change.fill(stored, &Bytes::from_static(b"large"));
    rig.host.take(Arc::new(entry));
    let lacking = Rig { blobs: Arc::default(), host: rig.host.clone(), ..Rig::with(&[]).await };
    let lacking = Rig { log: rig.log.clone(), ..lacking };
    let Lost(why) = lacking.rejoined().await.err().expect("it cannot be put back");
    assert!(why.contains(&stored.digest.to_string()), "{why}");
    let state = rig.rejoined().await.unwrap();
    assert_eq!(value(&state, "big").as_deref(), Some("large"));
    assert_eq!(rig.entries().await.len(), 2 + usize::from(state.index > 2), "the first try has appended it already");
}

#[tokio::test]
async fn validators_judge_what_comes_back_on_what_is_there_now() {
    let mut rig = Rig::with(&[&[("put:_sluice/validators/strict", "{}")]]).await;
    rig.host.take_lost(&[("put:good", "1")]);
    rig.host.take_lost(&[("put:bad", "1")]);
    let judge = FnJudge(|entry: &Entry, _: &State| {
        let is_bad = entry.fields.iter().any(|(name, _)| name == "put:bad");
        Ok(if is_bad { Verdict::Reject(Cause::Verdict, Arc::new([])) } else { Verdict::accept() })
    });
    let rejoin = rig.rejoin(rig.log.clone(), judge);
    let state = rejoin.run(rig.host.state.clone()).await.unwrap().unwrap().unwrap().state;
    assert_eq!((value(&state, "good").as_deref(), value(&state, "bad")), (Some("1"), None));
    assert_eq!(state.refused.back().map(|refused| refused.refusal.class()), Some("rejected"));
}

#[tokio::test]
async fn what_is_lost_a_second_time_is_named_as_it_was_last_and_comes_once() {
    let mut rig = Rig::with(&[&[("put:k", "1")]]).await;
    rig.host.take_lost(&[("put:fresh", "1")]);
    let first = rig.rejoined().await.unwrap();
    // The log loses it again: another one, which ends at the same fork.
    let after = rig.entries().await;
    let twice = after.iter().find(|entry| field(entry, LOST_FIELD).is_some()).unwrap().clone();
    let mut again = Rig::with(&[&[("put:k", "1")]]).await;
    again.host.take(Arc::new(Entry::read(
        Revision { ms: again.host.state.cursor.ms, seq: again.host.state.cursor.seq + 1 },
        twice.fields.clone(),
    )));
    let lost = again.host.state.cursor;
    again.log.append(fields(&[("put:other", "1")])).await.unwrap();
    let second = again.rejoined().await.unwrap();
    let back = again.back(lost).await;
    assert_eq!(back.len(), 1);
    assert_eq!(back[0].fields.iter().filter(|(name, _)| name == LOST_FIELD).count(), 1);
    assert_eq!(field(&back[0], "token"), field(&twice, "token"));
    assert_eq!((value(&first, "fresh"), value(&second, "fresh")), (Some("1".to_owned()), Some("1".to_owned())));
}

#[tokio::test]
async fn more_than_is_put_back_unasked_is_left_alone() {
    let mut many = Rig::with(&[&[("put:k", "1")]]).await;
    for n in 0..10_001 {
        many.host.take_lost(&[("put:k", &n.to_string())]);
    }
    let mut large = Rig::with(&[&[("put:k", "1")]]).await;
    let value = "x".repeat(1 << 20);
    for _ in 0..17 {
        large.host.take_lost(&[("put:k", &value)]);
    }
    for rig in [many, large] {
        let Lost(why) = rig.rejoined().await.err().expect("it cannot be put back");
        assert!(why.contains("more than is put back unasked (10000 entries, 16777216 bytes)"), "{why}");
        assert_eq!(rig.entries().await.len(), 1, "nothing is appended");
    }
}

/// A log that takes its time, and somebody who wants the lease meanwhile.
struct Slow {
    log: Arc<MemoryLog>,
    leases: Arc<MemoryLeases>,
}

impl Log for Slow {
    fn pull(&self, after: Place) -> Answer<'_, Result<Vec<Arc<Entry>>, PullError>> {
        self.log.pull(after)
    }

    fn append(&self, fields: Fields) -> Answer<'_, Result<Revision, AppendError>> {
        Box::pin(async move {
            tokio::time::advance(Duration::from_secs(25)).await;
            let other = self.leases.acquire(LOST, 1).await.unwrap();
            assert_eq!(other, None, "the lease is kept for as long as it takes");
            self.log.append(fields).await
        })
    }

    fn read(&self, from: Revision, limit: usize) -> Answer<'_, Result<Vec<Arc<Entry>>, Lost>> {
        self.log.read(from, limit)
    }
}

#[tokio::test(start_paused = true)]
async fn the_lease_is_renewed_for_as_long_as_entries_are_put_back() {
    let mut rig = Rig::with(&[&[("put:k", "1")]]).await;
    for n in 0..8 {
        rig.host.take_lost(&[(&format!("put:lost/{n}"), "1")]);
    }
    let slow = Slow { log: rig.log.clone(), leases: rig.leases.clone() };
    let rejoin = rig.rejoin(Arc::new(slow), accept_all());
    let state = rejoin.run(rig.host.state.clone()).await.unwrap().unwrap().unwrap().state;
    assert_eq!(value(&state, "lost/7").as_deref(), Some("1"));
    assert!(rig.leases.acquire(LOST, 1).await.unwrap().is_some(), "and given back");
}

#[tokio::test]
async fn a_change_held_at_the_fork_is_decided_and_one_that_was_refused_late_does_not_come_back() {
    let mut rig = Rig::with(&[&[("put:k", "1")]]).await;
    let at = Revision { seq: rig.host.state.cursor.seq + 1, ..rig.host.state.cursor };
    let held = Arc::new(Entry::read(at, fields(&[("put:held", "1")])));
    fold::hold(&mut rig.host.state, &held);
    rig.host.steps.push(Step::Held(held.clone()));
    let verdict = Some(Verdict::Reject(Cause::Verdict, Arc::new([])));
    let outcome = fold::release(&mut rig.host.state, &held, verdict.clone());
    assert!(matches!(outcome, Outcome::Refused(_)));
    rig.host.steps.push(Step::Released(Settled { entry: held, verdict, outcome }));
    rig.host.take_lost(&[("put:other", "1")]);
    let state = rig.rejoined().await.unwrap();
    assert_eq!((value(&state, "held"), value(&state, "other").as_deref()), (None, Some("1")));
    assert!(rig.back(at).await.is_empty(), "its publisher was told that it came to nothing");
}
