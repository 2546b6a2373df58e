//! How the host stands, and what it refused.

use hyper::StatusCode;
use serde_json::{Value, json};
use sluice_core::{Held, Key, Lost, Rift};

use crate::answer::{self, API_VERSION};
use crate::door::Answer;
use crate::freshness;
use crate::ruling;
use crate::surface::Surface;

/// `GET /v1/status`.
pub fn status(surface: &Surface) -> Answer {
    let (view, standing) = (surface.hub.view(), surface.hub.standing());
    let (state, identity) = (&view.state, &surface.identity);
    let reach = |lost: &Option<Lost>, state: &str| match lost {
        None => json!({ "state": "ok" }),
        Some(Lost(why)) => json!({ "state": state, "why": why }),
    };
    let document = json!({
        "apiVersion": API_VERSION,
        "host": identity.host,
        "space": identity.space,
        "version": identity.version,
        "revision": state.cursor.to_string(),
        "index": state.index,
        "root": state.root().to_string(),
        "chain": state.chain.to_string(),
        "keys": state.len(),
        "bytes": state.bytes(),
        "ageMs": surface.age_ms(&view),
        "installedMs": view.installed_ms,
        "silentMs": freshness::silent_ms(surface, &view),
        "stale": freshness::is_stale(surface, &view),
        "draining": surface.is_draining(),
        "source": reach(&standing.source, standing.rift.map_or("away", Rift::as_str)),
        "store": reach(&standing.store, "away"),
        "probation": reach(&standing.probation, "held"),
        "held": standing.held.iter().map(held).collect::<Vec<Value>>(),
        "refused": state.refused.len(),
    });
    Ok(answer::json(StatusCode::OK, &document))
}

/// `GET /v1/refusals`: the newest first, as many as the state remembers.
pub fn refusals(surface: &Surface) -> Answer {
    let view = surface.hub.view();
    let refusals = view.state.refused.iter().rev().map(|refused| {
        json!({
            "revision": refused.revision.to_string(),
            "keys": names(&refused.keys),
            "author": refused.author,
            "reason": refused.reason,
            "outcome": refused.refusal.class(),
            "message": refused.refusal.to_string(),
            "errors": ruling::errors(&refused.refusal),
        })
    });
    let refusals: Vec<Value> = refusals.collect();
    let revision = view.state.cursor.to_string();
    Ok(answer::json(StatusCode::OK, &json!({ "apiVersion": API_VERSION, "revision": revision, "refusals": refusals })))
}

fn held(held: &Held) -> Value {
    json!({
        "revision": held.revision.to_string(),
        "keys": names(&held.keys),
        "fault": held.fault.as_ref().map(|(fault, _)| fault.to_string()),
        "why": held.fault.as_ref().map(|(_, why)| why),
        "tries": held.tries,
    })
}

fn names(keys: &[Key]) -> Vec<&str> {
    keys.iter().map(Key::as_str).collect()
}
