//! What a host says about itself: the JSON at `sluice:{space}:host:<id>`.
//!
//! The text is an interface: names stay, new ones may come, and readers ignore what they do not know.
//!
//! A publisher reads the outcome of its change from it. With `mine` the revision its change got:
//!
//! - `revision < mine`: this host has not decided yet; `held`, `source` and `store` say what it waits for.
//! - `mine` stands in `refusals`: refused, for the reason given there.
//! - `mine` stands in `held` or `heldOthers`: this host cannot tell yet.
//! - `mine < refusalsFrom`: too long ago; this report no longer knows.
//! - otherwise: applied, and served by this host.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What `apiVersion` says.
pub const API_VERSION: &str = "sluice/v1";
/// Most bytes of a report: every reader of a fleet of thousands reads all of them.
pub const REPORT_BYTES_MAX: usize = 64 << 10;

/// A host's report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostReport {
    /// Always [`API_VERSION`].
    pub api_version: String,
    /// The host's name.
    pub host: String,
    /// The revision it serves.
    pub revision: String,
    /// How many entries it has folded.
    pub index: u64,
    /// Merkle root of what it serves, 64 hex digits: two hosts at one revision have the same.
    pub root: String,
    /// The running digest of all entries it has folded, 64 hex digits.
    pub chain: String,
    /// Keys it serves.
    pub keys: u64,
    /// Bytes of all their values.
    pub bytes: u64,
    /// Validators bound.
    pub bindings: u64,
    /// Changes it cannot decide because of a fault, oldest first: as many as there is room for.
    #[serde(default)]
    pub held: Vec<HeldReport>,
    /// The revisions of all further ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_others: Vec<String>,
    /// The server it reads the log from: host and port, or a socket's path. Behind Sentinels and in a cluster hosts
    /// may differ for a moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads_from: Option<String>,
    /// Why its source of changes is out of reach, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// How its source differs from the one it has followed, if it does: reset, trimmed or forked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rift: Option<String>,
    /// Why its disk takes nothing, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// Why it serves an older set than it has, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probation: Option<String>,
    /// The newest refusals, oldest first: as many as there is room for.
    #[serde(default)]
    pub refusals: Vec<RefusalReport>,
    /// From this revision on, `refusals` has all there were.
    pub refusals_from: String,
    /// What validators said about the newest changes that were applied all the same, oldest first: as many as
    /// there is room for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<RemarkReport>,
    /// Where its HTTP surface listens, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Its labels: region, zone, whatever rollouts go by.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The version of its program.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When that started, in ms since 1970 by its own clock.
    pub started_at_ms: u64,
    /// When it wrote this, in ms since 1970 by its own clock.
    pub reported_at_ms: u64,
}

/// A change that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldReport {
    /// Which.
    pub revision: String,
    /// The keys that keep their old values meanwhile; at most 16 are listed.
    pub keys: Vec<String>,
    /// How many there are in all.
    pub keys_total: u64,
    /// `time`, `memory`, `missing` or `internal`; none for one that only waits behind another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// The fault in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How often it was tried.
    pub tries: u32,
}

/// A change that was refused. Long texts are shortened, and end in `…` then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusalReport {
    /// Which.
    pub revision: String,
    /// The keys it wanted to change; at most 16 are listed.
    pub keys: Vec<String>,
    /// How many there are in all.
    pub keys_total: u64,
    /// `malformed`, `untrusted`, `duplicate`, `fenced`, `conflict`, `guarded` or `rejected`.
    pub class: String,
    /// Why, in one sentence.
    pub message: String,
    /// Who published it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What validators found; at most 8 are listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingReport>,
}

/// What validators said about a change that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemarkReport {
    /// Which change.
    pub revision: String,
    /// What they found; at most 8 are listed.
    pub findings: Vec<FindingReport>,
}

/// One remark of a validator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingReport {
    /// The name of its binding.
    pub validator: String,
    /// `error`, `warning` or `info`.
    pub severity: String,
    /// Stable and for machines.
    pub code: String,
    /// For people.
    pub message: String,
    /// The key it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Where in the document (RFC 6901).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// A link or sentence that helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}
