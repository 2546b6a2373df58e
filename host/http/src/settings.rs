//! Bounds of the surfaces.

use crate::access::Bearer;

/// Bounds of the surfaces, each with what it defends against, and who may publish.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who may publish; without it publishing over HTTP is off.
    pub bearer: Option<Bearer>,
    /// Most connections of one listener; past it new ones wait in the kernel's queue. Against running out
    /// of files and memory.
    pub connections_max: usize,
    /// Largest head of a request, in bytes, at least 8 KiB. Against heads that never end.
    pub header_bytes_max: usize,
    /// Longest time from one answer to the whole head of the next request, in ms. Against connections
    /// that idle for ever, or send a byte a minute.
    pub idle_ms: u64,
    /// Longest time a client may take no bytes of an answer, in ms. Against readers that hold an answer
    /// and never take it.
    pub stall_ms: u64,
    /// Longest time a request's body may take, in ms. Against uploads of a byte a minute.
    pub body_ms: u64,
    /// Most bodies read at once; further ones wait. Against large uploads adding up in memory.
    pub uploads_max: usize,
    /// Largest value taken by `PUT`, in bytes. Against filling every host's memory.
    pub value_bytes_max: usize,
    /// Largest body of `POST /v1/changes`, in bytes; base64 makes values a third longer.
    pub change_bytes_max: usize,
    /// Most snapshots given away at once; each packs a whole state. Against many that slow the host down together.
    pub snapshots_max: usize,
    /// Most watchers and long polls at once, over all listeners. Against every install waking a crowd.
    pub watchers_max: usize,
    /// Longest long poll, in ms; longer wishes are cut. Against waits no proxy on the way would keep up.
    pub wait_max_ms: u64,
    /// How long a publisher waits for the outcome when it says nothing, in ms.
    pub publish_wait_ms: u64,
    /// Longest such wait, in ms; longer wishes are cut.
    pub publish_wait_max_ms: u64,
    /// Keys on a page of a listing when the request says nothing.
    pub page_keys: usize,
    /// Most keys on a page. Against answers without an end.
    pub page_keys_max: usize,
    /// Value bytes after which a page ends. Against pages of many large values.
    pub page_bytes_max: usize,
    /// Bytes after which one piece of an event stream is sent. Against buffering for a slow reader.
    pub event_bytes_max: usize,
    /// Largest value sent along with an event, in bytes; larger ones are to be fetched. Against the same.
    pub event_value_bytes_max: usize,
    /// Pause after which a silent event stream says something, in ms. Against proxies that cut it.
    pub heartbeat_ms: u64,
    /// How long a watcher should wait before it reconnects, in ms.
    pub retry_ms: u64,
    /// How long a graceful stop waits for open requests, in ms, before it cuts them.
    pub drain_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            bearer: None,
            connections_max: 8192,
            header_bytes_max: 16 << 10,
            idle_ms: 60_000,
            stall_ms: 30_000,
            body_ms: 60_000,
            uploads_max: 8,
            value_bytes_max: 64 << 20,
            change_bytes_max: 48 << 20,
            snapshots_max: 2,
            watchers_max: 4096,
            wait_max_ms: 600_000,
            publish_wait_ms: 10_000,
            publish_wait_max_ms: 60_000,
            page_keys: 1000,
            page_keys_max: 10_000,
            page_bytes_max: 8 << 20,
            event_bytes_max: 64 << 10,
            event_value_bytes_max: 256 << 10,
            heartbeat_ms: 15_000,
            retry_ms: 2_000,
            drain_ms: 5_000,
        }
    }
}
