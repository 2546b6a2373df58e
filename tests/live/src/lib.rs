//! Real processes against a real Redis: the harness of the live tests, the demo and the corpus run.
//!
//! Every process it starts dies with it, even when it is killed itself, and listens on a port the system chose.

pub mod cluster;
pub mod fleet;
pub mod host;
pub mod http;
pub mod process;
pub mod proxy;
pub mod sentinel;
pub mod server;
pub mod sluice;
pub mod storm;
pub mod wait;

pub use cluster::Cluster;
pub use fleet::Fleet;
pub use host::Host;
pub use proxy::{Proxy, Weather};
pub use sentinel::Sentinels;
pub use server::Server;
pub use sluice::{Ran, Sluice};
pub use wait::wait_for;
