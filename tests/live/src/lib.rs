//! Real processes against a real Redis: the harness of the live tests, the demo and the corpus run.
//!
//! Every process it starts dies with it, even when it is killed itself, and listens on a port the system chose.

pub mod fleet;
pub mod host;
pub mod http;
pub mod process;
pub mod server;
pub mod sluice;
pub mod wait;

pub use fleet::Fleet;
pub use host::Host;
pub use server::Server;
pub use sluice::{Ran, Sluice};
pub use wait::wait_for;
