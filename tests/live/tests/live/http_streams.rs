//! Event streams, and a graceful stop with streams open.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;
use sluice_live::Fleet;
use sluice_live::http::{Event, Events};

use crate::http_values::watched;

fn next(events: &mut Events) -> Result<Event> {
    events.next()?.context("the stream ended")
}

/// Name, key, value and id of an event.
fn told(event: &Event) -> (&str, &str, Option<&str>, Option<&str>) {
    let text = |name: &str| event.data.get(name).and_then(Value::as_str);
    (&event.name, text("key").unwrap_or_default(), text("value"), event.id.as_deref())
}

#[test]
fn a_stream_tells_changes_under_its_prefix_and_goes_on_where_it_was_left() -> Result<()> {
    let fleet = Fleet::start(1)?;
    fleet.converge(&fleet.xadd(&["put:app/a", "0"])?);
    let host = &fleet.hosts[0];
    let mut events = host.events("/v1/events?prefix=app/", &[])?;
    watched(host, 1);
    let first = fleet.xadd(&["put:app/a", "1", "put:web/a", "1"])?;
    assert_eq!(told(&next(&mut events)?), ("put", "app/a", Some("1"), Some(first.as_str())));
    let gone = fleet.xadd(&["del:app/a", ""])?;
    assert_eq!(told(&next(&mut events)?), ("delete", "app/a", None, Some(gone.as_str())));
    drop(events);

    let missed = fleet.xadd(&["put:app/b", "2", "put:app/c", "3"])?;
    let bad = fleet.xadd(&["putt:app/d", "4"])?;
    fleet.converge(&bad);
    let mut events = host.events("/v1/events?prefix=app/", &[("Last-Event-ID", &gone)])?;
    // At least once, never less: the revision it goes on from may come again.
    let mut event = next(&mut events)?;
    while event.id.as_deref() == Some(gone.as_str()) {
        event = next(&mut events)?;
    }
    assert_eq!(told(&event), ("put", "app/b", Some("2"), None));
    assert_eq!(told(&next(&mut events)?), ("put", "app/c", Some("3"), Some(missed.as_str())));
    let later = fleet.xadd(&["put:app/d", "5"])?;
    assert_eq!(told(&next(&mut events)?), ("put", "app/d", Some("5"), Some(later.as_str())));
    Ok(())
}

#[test]
fn a_stream_can_begin_with_all_there_is() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let last = fleet.xadd(&["put:app/a", "1", "put:app/b", "2", "put:web/c", "3"])?;
    fleet.converge(&last);
    let mut events = fleet.hosts[0].events("/v1/events?prefix=app/&snapshot", &[])?;
    assert_eq!(told(&next(&mut events)?), ("put", "app/a", Some("1"), None));
    assert_eq!(told(&next(&mut events)?), ("put", "app/b", Some("2"), None));
    let synced = next(&mut events)?;
    assert_eq!((synced.name.as_str(), synced.id), ("synced", Some(last)));
    Ok(())
}

#[test]
fn a_stream_that_asks_for_what_is_forgotten_is_reset() -> Result<()> {
    let mut fleet = Fleet::start(1)?;
    let old = fleet.xadd(&["put:app/a", "1"])?;
    fleet.converge(&fleet.xadd(&["put:app/a", "2"])?);
    // A host that starts again knows its state, and no longer how it came about.
    fleet.hosts.remove(0).terminate()?;
    fleet.hosts.push(fleet.host("edge-1", &[])?);
    let mut events = fleet.hosts[0].events("/v1/events?prefix=app/", &[("Last-Event-ID", &old)])?;
    let event = next(&mut events)?;
    assert_eq!(event.name, "reset", "{event:?}");
    Ok(())
}

#[test]
fn an_event_id_that_is_none_is_refused() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let reply = fleet.hosts[0].ask("GET", "/v1/events", &[("Last-Event-ID", "yesterday")], &[])?;
    assert_eq!(reply.code, 400, "{}", reply.text());
    Ok(())
}

#[test]
fn sigterm_ends_open_streams_and_polls_within_seconds() -> Result<()> {
    let mut fleet = Fleet::start(1)?;
    let revision = fleet.xadd(&["put:k", "1"])?;
    fleet.converge(&revision);
    let host = fleet.hosts.remove(0);
    let poll = format!("/v1/keys/k?wait=50s&since={revision}");
    let poll = std::thread::spawn({
        let url = host.url(&poll);
        move || sluice_live::http::ask("GET", &url, &[], &[])
    });
    let mut events = host.events("/v1/events", &[])?;
    watched(&host, 2);
    // One that connects and says nothing must not hold the host up either.
    let mut silent = std::net::TcpStream::connect(host.url("").trim_start_matches("http://"))?;
    silent.write_all(b"GET /v1/ke")?;
    let begun = Instant::now();
    let ended = host.terminate()?;
    assert!(ended.success(), "{ended}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(next(&mut events)?.name, "stop");
    assert_eq!(events.next().ok().flatten(), None);
    assert_eq!(poll.join().expect("the poll does not panic")?.code, 304);
    // Cut off, in whichever way.
    assert!(matches!(silent.read(&mut [0; 1]), Ok(0) | Err(_)));
    Ok(())
}

#[test]
fn a_reader_that_never_reads_costs_the_others_nothing() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let host = &fleet.hosts[0];
    let address = host.url("").replace("http://", "");
    let mut lazy = std::net::TcpStream::connect(&address)?;
    lazy.write_all(format!("GET /v1/events HTTP/1.1\r\nhost: {address}\r\n\r\n").as_bytes())?;
    let mut keen = host.events("/v1/events", &[])?;
    watched(host, 2);
    let value = "v".repeat(200 << 10);
    let mut last = String::new();
    for at in 0..60 {
        let put = format!("put:k/{at}");
        last = fleet.server.cli_fed(&["XADD", "sluice:{shop}:log", "*", &put], value.as_bytes())?;
    }
    while next(&mut keen)?.id != Some(last.clone()) {}
    let reply = host.ask("GET", "/v1/keys/k/59", &[], &[])?;
    assert_eq!((reply.code, reply.body.len()), (200, value.len()));
    drop(lazy);
    Ok(())
}
