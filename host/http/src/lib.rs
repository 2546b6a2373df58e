//! What a host serves over HTTP: reading, watching, publishing, and how the host stands.
//!
//! A request goes through these modules in turn; each is one page:
//!
//! - [`serve`](serve()) accepts connections, and ends them: `crowd` watches over those that are open
//! - `door` is where a request comes in: `route` says what it asks for, `access` whether it may
//! - `keys` and `listing` answer reads, `poll` those that wait, `events` those that go on and on
//! - `publish`, `changes` append to the log and wait for the outcome, `rehearse` only pretends to
//! - `status`, `entries`, `health` tell about the host, `process` about its process, `hosts` about all hosts
//! - `snapshot` gives away all there is
//! - `openapi` describes all of it
//! - `problem` is every answer that is a no

mod access;
mod answer;
mod body;
mod chance;
mod changes;
mod condition;
mod crowd;
mod door;
mod entries;
mod events;
mod freshness;
mod health;
mod hosts;
mod keys;
mod listing;
mod meter;
mod openapi;
mod poll;
mod problem;
mod process;
mod publish;
mod query;
mod rehearse;
mod route;
mod row;
mod ruling;
mod serve;
mod settings;
mod snapshot;
mod status;
mod surface;
mod upload;

pub use access::Bearer;
pub use serve::{Drained, Serves, Stop, serve};
pub use settings::Settings;
pub use surface::{Edges, Identity, Surface};
