//! Publishers of every kind: careful, mistaken, racing, repeating themselves.

use bytes::Bytes;
use fastrand::Rng;
use sluice_core::{Key, Millis, Revision, schedule};

use crate::judge::{COMPONENT, RULES, WITHDRAWN};
use crate::log::{Fields, Log};
use crate::weather::Bug;

/// What publishers write to. A history uses the first few, so that publishers get in each other's way, or
/// all, so that much is judged at once.
const KEYS: [&str; 16] = [
    "a",
    "shop/limits.json",
    "z",
    "shop/routes",
    "b",
    "shop/flags/new",
    "tls/cert.pem",
    "a.json",
    "c/d/e",
    "c/d/f",
    "g",
    "h.toml",
    "i-j",
    "k_l",
    "m",
    "n",
];

/// Words that sort differently and that rules like or dislike.
const WORDS: [&str; 6] = ["bad", "low", "middling", "up", "very long indeed", ""];

/// Which keys a binding may name.
const GLOBS: [&str; 6] = ["**", "*", "shop/*", "a", "c/d/*", "z"];

/// What all publishers of a history have in common.
#[derive(Clone)]
pub struct Habits {
    /// How many keys they write to.
    keys: usize,
    /// Numbers the token used last, which is as likely used again as followed by a fresh one.
    token: u32,
    /// Whether bindings declare what their rules look up.
    declares: bool,
    /// The token that whoever took a lock last has; some before it write on as if they still had it.
    lock: u64,
    /// Whether what is written under a lock names it.
    is_fenced: bool,
}

/// Says under which token an entry was written, whether it is compared or not.
pub const UNDER_FIELD: &str = "x-under";

impl Habits {
    /// The habits of a seed.
    pub fn of(rng: &mut Rng, bug: Bug) -> Habits {
        let (declares, is_fenced) = (bug != Bug::ReadsUndeclared, bug != Bug::FenceDropped);
        Habits { keys: rng.usize(4..=KEYS.len()), token: 0, declares, lock: 1, is_fenced }
    }
}

/// The fields of the next entry. What it says depends on the seed and on what is current now; blobs it
/// names are stored, some of them late.
pub fn next(rng: &mut Rng, log: &mut Log, now: Millis, habits: &mut Habits) -> Fields {
    let mut draft = Draft { fields: Vec::new(), rng, log, now, keys: habits.keys, declares: habits.declares };
    match draft.rng.u8(0..100) {
        0..14 => draft.rules(),
        14..22 => draft.mistake(),
        22..26 => draft.mass(),
        // Whoever says that it is time: nothing may depend on who it is, or that it is said once.
        26..32 if draft.turn() => return draft.fields,
        32..35 => draft.field("tick", b""),
        26.. => draft.values(),
    }
    if draft.rng.u8(0..100) < 15 {
        draft.times();
    }
    if draft.rng.u8(0..100) < 40 {
        habits.token += u32::from(draft.rng.bool());
        draft.field("token", format!("t{}", habits.token).as_bytes());
    }
    if draft.rng.u8(0..100) < 25 {
        habits.lock += u64::from(draft.rng.u8(0..4) == 0);
        let token = habits.lock.saturating_sub(*pick(draft.rng, &[0, 0, 0, 1, 2])).max(1).to_string();
        draft.field(UNDER_FIELD, token.as_bytes());
        if habits.is_fenced {
            draft.field("fence:lock", token.as_bytes());
        }
    }
    if draft.rng.bool() {
        draft.field("author", b"mei");
        draft.field("x-ticket", b"\x00\xff");
    }
    draft.fields
}

struct Draft<'a> {
    fields: Fields,
    rng: &'a mut Rng,
    log: &'a mut Log,
    now: Millis,
    keys: usize,
    declares: bool,
}

impl Draft<'_> {
    /// Begins or ends what is planned, in time or not, or calls it off; false when nothing is.
    fn turn(&mut self) -> bool {
        let planned = schedule::planned(self.log.tip());
        let Some(planned) = planned.get(self.rng.usize(0..=planned.len())) else { return false };
        let as_of = *pick(self.rng, &[0, 0, 1, 5]);
        let seen = self.log.after(self.log.tip().index.saturating_sub(as_of)).unwrap_or(self.log.tip());
        self.fields = match self.rng.u8(0..8) {
            0 => planned.cancelled("not wanted any more"),
            _ => planned.entry(seen).0,
        };
        true
    }

    /// Leaves some of it for later.
    fn times(&mut self) {
        let now_ms = self.log.tip().cursor.ms.max(10_000_000 + self.now.0);
        let (from, until) = (now_ms + self.rng.u64(0..2_000), now_ms + self.rng.u64(0..4_000));
        let which = self.rng.u8(0..3);
        for (name, ms, is_wanted) in [("from", from, which != 0), ("until", until, which != 1)] {
            if is_wanted {
                self.field(name, ms.to_string().as_bytes());
            }
        }
    }

    /// Puts and deletes of a few keys, sometimes with bases.
    fn values(&mut self) {
        let count = *pick(self.rng, &[1, 1, 1, 2, 3]);
        let mut keys = KEYS[..self.keys].to_vec();
        self.rng.shuffle(&mut keys);
        for key in &keys[..count] {
            self.edit(key);
        }
        if self.rng.u8(0..100) < 30 {
            // Of a key it edits, or of one it only looks at.
            let key = keys[self.rng.usize(0..=count)];
            self.base(key);
        }
    }

    /// Deletes of so many keys that the guard looks at them, some of them meant.
    fn mass(&mut self) {
        for key in &KEYS[self.rng.usize(0..5)..] {
            self.field(&format!("del:{key}"), b"");
        }
        if self.rng.bool() {
            self.field("override", b"guard");
            self.field("reason", b"meant");
        }
    }

    fn edit(&mut self, key: &str) {
        let value = format!("{}{}", pick(self.rng, &WORDS), self.rng.u8(0..4));
        match self.rng.u8(0..10) {
            0 => self.field(&format!("del:{key}"), b""),
            1 | 2 => self.blob(key, value),
            3 => {
                self.field(&format!("put:{key}"), value.as_bytes());
                self.field(&format!("type:{key}"), b"text/plain");
            }
            _ => self.field(&format!("put:{key}"), value.as_bytes()),
        }
    }

    fn blob(&mut self, key: &str, value: String) {
        self.stored(key, Bytes::from(value.repeat(2)));
    }

    fn stored(&mut self, key: &str, bytes: Bytes) {
        let late_ms = *pick(self.rng, &[0, 0, 0, 300, 2_000]);
        let digest = self.log.store(bytes.clone(), self.now + late_ms);
        self.field(&format!("put-blob:{key}"), format!("{digest} {}", bytes.len()).as_bytes());
    }

    fn base(&mut self, key: &str) {
        let key = Key::parse(key.as_bytes()).expect("the keys above are valid");
        let right = self.log.tip().revision_of(&key);
        let wrong = Revision { seq: right.seq + 1, ..right };
        let base = *pick(self.rng, &[right, right, right, wrong, Revision::ZERO]);
        self.field(&format!("base:{key}"), base.to_string().as_bytes());
    }

    /// The rules themselves change, sometimes together with a value.
    fn rules(&mut self) {
        let name = format!("_sluice/validators/{}", pick(self.rng, &["v", "w"]));
        let component = format!("_sluice/components/{}", pick(self.rng, &COMPONENT));
        match self.rng.u8(0..16) {
            0 => self.field(&format!("put:{name}"), b"no binding"),
            1..4 => self.field(&format!("del:{name}"), b""),
            4 | 8 => {
                let policy = self.policy();
                self.field("put:_sluice/policy", policy.as_bytes());
            }
            5 => self.field(&format!("put:{component}"), WITHDRAWN.as_bytes()),
            6 => self.field(&format!("del:{component}"), b""),
            7 => {
                let binding = self.binding();
                self.stored(&name, Bytes::from(binding));
            }
            _ => {
                let binding = self.binding();
                self.field(&format!("put:{name}"), binding.as_bytes());
            }
        }
        if self.rng.u8(0..4) == 0 {
            self.edit(KEYS[0]);
        }
    }

    fn binding(&mut self) -> String {
        let (rule, reads) = pick(self.rng, &RULES);
        let (keys, component) = (pick(self.rng, &GLOBS), pick(self.rng, &COMPONENT));
        let mode = pick(self.rng, &["enforce", "enforce", "enforce", "off"]);
        let reads = if reads.is_empty() || !self.declares { String::new() } else { format!("\"{reads}\"") };
        format!(
            r#"{{"keys":["{keys}"],"reads":[{reads}],"component":"{component}","settings":"{rule}","mode":"{mode}"}}"#
        )
    }

    /// A guard whose share is such that one key more or less decides; or none.
    fn policy(&mut self) -> String {
        let share = self.rng.u8(65..95);
        let factors = *pick(self.rng, &["", "", r#","shrink_max":2,"grow_max":3,"small_bytes":4"#, r#","oops":1"#]);
        format!(r#"{{"guard":{{"deletes_percent_max":{share}{factors}}}}}"#)
    }

    fn mistake(&mut self) {
        let (name, value) = *pick(
            self.rng,
            &[
                ("putt:a", "1"),
                ("put:a//b", "1"),
                ("author", "nobody changes anything"),
                ("fence:lock", "seven"),
                ("", ""),
            ],
        );
        if self.rng.bool() {
            self.field("put:a", b"never");
        }
        self.field(name, value.as_bytes());
        if name == "author" {
            self.field("author", b"twice");
        }
    }

    fn field(&mut self, name: &str, value: &[u8]) {
        self.fields.push((Bytes::copy_from_slice(name.as_bytes()), Bytes::copy_from_slice(value)));
    }
}

fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(0..from.len())]
}
