//! All that two processes and three masters can do with one lock, in every order of messages, of time running out and of
//! one restart: tokens are unique and rise, and while time runs out for a holder before it does at a master, two never
//! hold it.
//!
//! A message that is lost is one that never arrives. What a try given up took runs out, which to others is the same as a
//! release. Extending is left out: without times it does nothing. Time is what the checker makes of it: any held lock may
//! be over for its holder at any step, and a master's key only after that, which is what drift and the early deadline
//! give. A restarted master is admitted when no lock and no try of before is left, which is what the gate waits for.

use std::time::{Duration, Instant};

use sluice_lock::admission::{Witness, floor};
use sluice_lock::{Ask, Attempt, Bounds, Decision, Memory, Names, Reply, Word};
use stateright::{Checker, Model, Property};

const BOUNDS: Bounds = Bounds { masters: 3, ttl_max_ms: 1_000, answer_ms: 100 };
const TTL_MS: u64 = 1_000;
const CLIENTS: usize = 2;
/// Looking at all takes seconds; slow machines take longer.
const PATIENCE: Duration = Duration::from_secs(150);

/// What a process does. All times are 0: the checker sees to time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Idle,
    /// The word, the token it asks for, and what each master said.
    Taking {
        word: u128,
        token: u64,
        replies: Vec<Option<Reply>>,
    },
    Held {
        word: u128,
        token: u64,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Process {
    phase: Phase,
    wishes: u64,
    /// The highest token issued when it began to try.
    issued: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    processes: Vec<Process>,
    masters: Vec<Memory>,
    runs: Vec<u64>,
    /// Questions on their way.
    asked: Vec<(usize, usize, Ask)>,
    issued: Vec<u64>,
    fault: Option<&'static str>,
    restarts: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Action {
    Wishes(usize),
    /// A question arrives, and its answer at once.
    Arrives(usize),
    GivesUp(usize),
    GivesBack(usize),
    /// Its time is over by its own clock.
    Over(usize),
    /// A master's key runs out.
    RunsOut(usize),
    Restarts(usize),
    Admitted(usize),
}

struct Locks {
    /// Locks each process takes.
    wishes: [u64; CLIENTS],
    /// Restarts of masters, each without memory.
    restarts: u64,
    /// The bug to see caught: a restarted master votes at once.
    votes_at_once: bool,
}

impl Locks {
    fn names() -> Names {
        Names::new(["a"]).unwrap()
    }

    /// Asks the lock's own code what the replies come to.
    fn decide(word: u128, token: u64, replies: &[Option<Reply>]) -> Decision {
        let (mut attempt, _) = Attempt::begin(&BOUNDS, &Locks::names(), TTL_MS, Word(word), token, 0);
        for (master, reply) in replies.iter().enumerate() {
            let Some(reply) = reply else { continue };
            match attempt.on_reply(master, 0, reply, 0) {
                Decision::Open => (),
                decided => return decided,
            }
        }
        Decision::Open
    }

    fn arrives(state: &mut World, at: usize) {
        let (who, master, ask) = state.asked.remove(at);
        let run = state.runs[master].to_string();
        let reply = state.masters[master].answer(&ask, &run, 0);
        let process = &mut state.processes[who];
        let (Ask::Take { word, .. }, Phase::Taking { word: own, token, replies }) = (&ask, &mut process.phase) else {
            return;
        };
        if word.0 != *own {
            return;
        }
        replies[master] = Some(reply);
        match Locks::decide(*own, *token, replies) {
            Decision::Open => (),
            Decision::Held { token, .. } => {
                let (word, issued) = (*own, process.issued);
                process.phase = Phase::Held { word, token };
                if state.issued.contains(&token) {
                    state.fault = Some("a token was issued twice");
                }
                if token <= issued {
                    state.fault = Some("a later token is lower");
                }
                state.issued.push(token);
            }
            // The model has one round: a try that is outbid is given up.
            Decision::Ask(..) | Decision::Refused(_) => process.phase = Phase::Idle,
        }
    }

    fn release(state: &mut World, who: usize) {
        let Phase::Held { word, .. } = state.processes[who].phase else { return };
        state.processes[who].phase = Phase::Idle;
        let release = Ask::Release { names: Locks::names(), word: Word(word) };
        state.asked.extend((0..BOUNDS.masters).map(|master| (who, master, release.clone())));
        state.asked.sort();
    }

    /// Whether a key of that word may run out: its holder knows that it is over, and no try of it goes on.
    fn is_over(state: &World, word: Word) -> bool {
        state.processes.iter().all(|process| match &process.phase {
            Phase::Idle => true,
            Phase::Taking { word: own, .. } | Phase::Held { word: own, .. } => *own != word.0,
        })
    }
}

impl Model for Locks {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let mut master = Memory::default();
        master.admit("0", 0);
        let process = Process { phase: Phase::Idle, wishes: 0, issued: 0 };
        vec![World {
            processes: vec![process; CLIENTS],
            masters: vec![master; BOUNDS.masters],
            runs: vec![0; BOUNDS.masters],
            asked: Vec::new(),
            issued: Vec::new(),
            fault: None,
            restarts: 0,
        }]
    }

    fn actions(&self, state: &World, actions: &mut Vec<Action>) {
        for (who, process) in state.processes.iter().enumerate() {
            match process.phase {
                Phase::Idle if process.wishes < self.wishes[who] => actions.push(Action::Wishes(who)),
                Phase::Idle => (),
                Phase::Taking { .. } => actions.push(Action::GivesUp(who)),
                Phase::Held { .. } => actions.extend([Action::GivesBack(who), Action::Over(who)]),
            }
        }
        actions.extend((0..state.asked.len()).map(Action::Arrives));
        for (at, master) in state.masters.iter().enumerate() {
            if master.words.values().any(|(word, _)| Locks::is_over(state, *word)) {
                actions.push(Action::RunsOut(at));
            }
            if state.restarts < self.restarts {
                actions.push(Action::Restarts(at));
            }
            let is_quiet = state.processes.iter().all(|process| process.phase == Phase::Idle);
            if master.mark.run != state.runs[at].to_string() && (is_quiet || self.votes_at_once) {
                actions.push(Action::Admitted(at));
            }
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut state = last.clone();
        match action {
            Action::Wishes(who) => {
                let issued = state.issued.iter().max().copied().unwrap_or_default();
                let process = &mut state.processes[who];
                process.wishes += 1;
                process.issued = issued;
                let word = who as u128 * 100 + u128::from(process.wishes);
                // Wall clocks: one is far behind the other.
                let token = process.wishes + if who == 0 { 1 } else { 0 };
                process.phase = Phase::Taking { word, token, replies: vec![None; BOUNDS.masters] };
                let take = Ask::Take { names: Locks::names(), word: Word(word), ttl_ms: TTL_MS, token };
                state.asked.extend((0..BOUNDS.masters).map(|master| (who, master, take.clone())));
                state.asked.sort();
            }
            Action::Arrives(at) => Locks::arrives(&mut state, at),
            Action::GivesBack(who) => Locks::release(&mut state, who),
            Action::GivesUp(who) | Action::Over(who) => state.processes[who].phase = Phase::Idle,
            Action::RunsOut(at) => {
                let over: Vec<_> =
                    state.masters[at].words.iter().map(|(name, (word, _))| (name.clone(), *word)).collect();
                for (name, word) in over.into_iter().filter(|(_, word)| Locks::is_over(last, *word)) {
                    state.masters[at].words.remove(&name).filter(|(set, _)| *set == word)?;
                }
            }
            Action::Restarts(at) => {
                state.restarts += 1;
                state.runs[at] += 1;
                state.masters[at] = Memory::default();
                // Its connections end with it.
                state.asked.retain(|(_, master, _)| *master != at);
            }
            Action::Admitted(at) => {
                let witness = |master: usize| {
                    let memory = &state.masters[master];
                    let is_admitted = memory.mark.run == state.runs[master].to_string();
                    Some(Witness { is_admitted, high: memory.mark.high })
                };
                let others: Vec<_> = (0..BOUNDS.masters).filter(|other| *other != at).map(witness).collect();
                let run = state.runs[at].to_string();
                let floor = floor(&BOUNDS, &others, 0)?;
                state.masters[at].admit(&run, floor);
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("tokens are unique and rise", |_, state: &World| state.fault.is_none()),
            Property::always("one holds it", |_, state: &World| {
                let held = |process: &&Process| matches!(process.phase, Phase::Held { .. });
                state.processes.iter().filter(held).count() <= 1
            }),
            Property::sometimes("it is held a second time", |_, state: &World| state.issued.len() >= 2),
        ]
    }
}

impl Locks {
    /// Looks at every state there is.
    #[track_caller]
    fn check(self) -> usize {
        let begun = Instant::now();
        let checker = self.checker().timeout(PATIENCE).spawn_bfs().join();
        assert!(begun.elapsed() < PATIENCE, "not all was looked at: {} states", checker.unique_state_count());
        checker.assert_properties();
        checker.unique_state_count()
    }
}

#[test]
fn whatever_order_things_happen_in_one_holds_it_and_tokens_rise() {
    let states = Locks { wishes: [1, 1], restarts: 0, votes_at_once: false }.check();
    assert!(states > 1_000, "{states}");
}

#[test]
fn the_same_with_a_master_that_forgets() {
    let states = Locks { wishes: [1, 1], restarts: 1, votes_at_once: false }.check();
    assert!(states > 1_000, "{states}");
}

#[test]
fn a_master_that_votes_at_once_after_a_restart_is_found() {
    let locks = Locks { wishes: [1, 1], restarts: 1, votes_at_once: true };
    let checker = locks.checker().timeout(PATIENCE).spawn_bfs().join();
    assert!(checker.discovery("one holds it").is_some());
}
