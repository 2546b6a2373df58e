//! The rules, by topic.

pub mod dependencies;
pub mod documents;
pub mod habits;
pub mod layout;
pub mod names;
pub mod places;
pub mod purity;
pub mod sizes;
