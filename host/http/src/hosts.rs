//! `/v1/hosts`: the fleet, as its hosts report.

use hyper::StatusCode;
use serde_json::{Value, json};
use sluice_core::Lost;
use sluice_node::Heard;

use crate::answer::{self, API_VERSION};
use crate::door::{Answer, Door, Step};
use crate::problem::Problem;
use crate::query::Query;
use crate::surface::Surface;

/// `GET /v1/hosts`.
pub fn get(door: &Door, query: Option<&str>) -> Result<Step, Problem> {
    Query::parse(query, &[])?;
    let surface = door.surface.clone();
    Ok(Step::Wait(Box::pin(async move { read(&surface).await })))
}

async fn read(surface: &Surface) -> Answer {
    let heard = surface.edges.hosts.heard().await.map_err(|Lost(why)| {
        let detail = format!("{why}: see that it runs and retry; /v1/status tells about this host alone");
        Problem::unavailable("source-away", "the hosts' reports are out of reach", detail)
    })?;
    let hosts: Vec<Value> = heard.into_iter().map(shown).collect();
    Ok(answer::json(StatusCode::OK, &json!({ "apiVersion": API_VERSION, "hosts": hosts })))
}

/// The report goes on as its host wrote it: a newer one may say more than this host knows.
fn shown(heard: Heard) -> Value {
    let report: Option<Value> = heard.report.and_then(|text| serde_json::from_slice(&text).ok());
    json!({ "host": heard.host, "seenMs": heard.seen_ms, "report": report.filter(Value::is_object) })
}
