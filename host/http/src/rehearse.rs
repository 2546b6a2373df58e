//! A dry run: the real fold and the real validators on a copy of the state, and nothing appended.

use std::sync::Arc;

use hyper::StatusCode;
use serde_json::json;
use sluice_core::{Entry, Fault, Revision, State, Verdict, fold, waits_behind};
use sluice_node::Judge;
use sluice_node::hub::wall_ms;

use crate::answer::{self, API_VERSION};
use crate::door::Answer;
use crate::problem::Problem;
use crate::publish::Laid;
use crate::ruling;
use crate::surface::Surface;

/// Says what this host would make of an entry.
pub async fn rehearse(surface: Arc<Surface>, laid: Laid) -> Answer {
    let state = surface.hub.view().state.clone();
    let entry = placed(laid, &state);
    if let Some(held) = waits_behind(&state, &entry) {
        let why = format!("it would wait behind {held}, which this host cannot decide yet");
        let document = json!({ "apiVersion": API_VERSION, "dryRun": true, "outcome": "held", "why": why });
        return Ok(answer::json(StatusCode::ACCEPTED, &document));
    }
    let judge = surface.edges.judge.clone();
    let played = tokio::task::spawn_blocking(move || play(&*judge, &entry, state)).await;
    match played.map_err(|_| Problem::internal("the dry run failed"))? {
        Ok(outcome) => ruling::settled(&outcome, None),
        Err((fault, why)) => {
            let detail = format!("the validators could not tell ({fault}): {why}; try again");
            Err(Problem::unavailable("fault", "this host could not tell", detail))
        }
    }
}

/// The entry as it would be if it were the next one, with its blobs at hand.
fn placed(laid: Laid, state: &State) -> Entry {
    let now = Revision { ms: wall_ms(), seq: 0 };
    let next = Revision { seq: state.cursor.seq.saturating_add(1), ..state.cursor };
    let mut entry = Entry::read(now.max(next), laid.entry.fields);
    if let Ok(change) = &mut entry.content {
        laid.blobs.iter().for_each(|(blob, bytes)| change.fill(*blob, bytes));
    }
    entry
}

fn play(judge: &dyn Judge, entry: &Entry, mut state: State) -> Result<sluice_core::Outcome, (Fault, String)> {
    let mut fault = None;
    let outcome = fold::fold(&mut state, entry, |before, _| {
        judge.judge(entry, before).unwrap_or_else(|found| {
            fault = Some(found);
            Verdict::accept()
        })
    });
    fault.map_or(Ok(outcome), Err)
}
