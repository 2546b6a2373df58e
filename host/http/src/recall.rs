//! What this thread answered lately, so that it need not be worked out again.
//!
//! Readers ask for the same keys over and over. What it takes to name a key (checking and hashing it) and
//! to write the head of its answer costs more than finding the value, and changes only with the value. So
//! both are kept, a slot a path. The value itself is never taken from here: each answer is from the state
//! that is current when it is asked for.

use std::cell::RefCell;

use hyper::Response;
use hyper::header::{HeaderMap, HeaderValue};
use sluice_core::{Digest, Item, Key, Revision};

use crate::answer::AGE_MS;
use crate::body::Body;
use crate::condition::Tag;
use crate::surface::Surface;
use crate::{keys, route};

/// Slots of a thread, a power of two. A path has one place to be, and takes it from whoever was there:
/// more hot keys than slots only means working things out again. At most about 2 MiB a thread.
const SLOTS: usize = 1024;

thread_local! {
    static RECALL: RefCell<Recall> = RefCell::new(Recall {
        slots: (0..SLOTS).map(|_| None).collect(),
        age: (0, HeaderValue::from_static("0")),
    });
}

struct Recall {
    slots: Vec<Option<Slot>>,
    /// The age said last; it changes a thousand times a second, and reads come more often.
    age: (u64, HeaderValue),
}

struct Slot {
    path: Box<str>,
    key: Key,
    head: Option<Head>,
}

/// The head of the answer with one value of a key.
struct Head {
    revision: Revision,
    digest: Digest,
    tag: Tag,
    headers: HeaderMap,
}

/// The value at a path, if that is a key and has one.
pub fn value(surface: &Surface, path: &str, request: &HeaderMap) -> Option<Response<Body>> {
    RECALL.with_borrow_mut(|Recall { slots, age }| {
        let slot = Slot::of(&mut slots[place(path)], path)?;
        let view = surface.hub.view();
        let item = view.state.item(&slot.key)?;
        let age_ms = surface.age_ms(&view);
        if age.0 != age_ms {
            *age = (age_ms, HeaderValue::from(age_ms));
        }
        let head = Head::of(&mut slot.head, item);
        let mut headers = head.headers.clone();
        headers.insert(AGE_MS, age.1.clone());
        Some(keys::respond(item, &head.tag, headers, request))
    })
}

/// FNV-1a. Paths that are made to collide only take each other's slot.
fn place(path: &str) -> usize {
    let hash = path
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    (hash >> 32) as usize % SLOTS
}

impl Slot {
    fn of<'s>(slot: &'s mut Option<Slot>, path: &str) -> Option<&'s mut Slot> {
        if slot.as_ref().is_none_or(|slot| *slot.path != *path) {
            let key = route::key(path).ok()?;
            *slot = Some(Slot { path: path.into(), key, head: None });
        }
        slot.as_mut()
    }
}

impl Head {
    fn of<'h>(head: &'h mut Option<Head>, item: &Item) -> &'h Head {
        // The media type may change while the value stays, but never without a new revision.
        if head.as_ref().is_some_and(|head| head.revision != item.revision || head.digest != item.digest) {
            *head = None;
        }
        head.get_or_insert_with(|| {
            let tag = Tag::of(&item.digest);
            Head { revision: item.revision, digest: item.digest, tag, headers: keys::headers(item, &tag) }
        })
    }
}
