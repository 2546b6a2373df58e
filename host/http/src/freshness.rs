//! How old what is read may be, by the policy of the space.
//!
//! A host that is cut off serves on, and says how old it is. For some keys an old value is worse than none: the policy
//! says which, and after how long a silence of the log, ticks counted, they are stale.

use hyper::Response;
use hyper::header::{HeaderName, HeaderValue};
use sluice_core::Key;
use sluice_core::policy::{Freshness, Reads};
use sluice_node::View;
use sluice_node::hub::wall_ms;

use crate::body::Body;
use crate::problem::Problem;
use crate::surface::Surface;

/// How long the log has been silent, in ms, on answers that are older than their rule allows.
pub const STALE: HeaderName = HeaderName::from_static("sluice-stale");

/// How long no entry has come from the log, in ms; before the first since the start, the age of the newest there is.
pub fn silent_ms(surface: &Surface, view: &View) -> u64 {
    let heard_ms = match surface.hub.heard_ms() {
        0 => view.state.cursor.ms,
        heard_ms => heard_ms,
    };
    wall_ms().saturating_sub(heard_ms)
}

/// Whether any rule finds its keys stale.
pub fn is_stale(surface: &Surface, view: &View) -> bool {
    let rules = &view.state.policy().freshness;
    !rules.is_empty() && {
        let silent_ms = silent_ms(surface, view);
        rules.iter().any(|rule| silent_ms > rule.stale_after_ms)
    }
}

/// In how many ms the next rule will find its keys stale if nothing comes from the log; none when no rule can any more.
pub fn stale_in_ms(surface: &Surface, view: &View) -> Option<u64> {
    let rules = &view.state.policy().freshness;
    let silent_ms = if rules.is_empty() { 0 } else { silent_ms(surface, view) };
    let left = rules.iter().filter_map(|rule| rule.stale_after_ms.saturating_add(1).checked_sub(silent_ms));
    left.filter(|left| *left > 0).min()
}

/// What an answer about some keys must say of their age; none, for most spaces have no such rule.
///
/// # Errors
/// One of them is stale, and reads of it are refused then.
pub fn check<'k>(
    surface: &Surface,
    view: &View,
    keys: impl IntoIterator<Item = &'k Key>,
) -> Result<Option<HeaderValue>, Problem> {
    let policy = view.state.policy();
    if policy.freshness.is_empty() {
        return Ok(None);
    }
    let silent_ms = silent_ms(surface, view);
    let mut warning = None;
    for key in keys {
        match policy.freshness_of(key) {
            Some(Freshness { stale_after_ms, reads, .. }) if silent_ms > *stale_after_ms => match reads {
                Reads::Serve => (),
                Reads::Warn => warning = Some(HeaderValue::from(silent_ms)),
                Reads::Refuse => return Err(refused(key, silent_ms, *stale_after_ms)),
            },
            Some(_) | None => (),
        }
    }
    Ok(warning)
}

/// Puts the warning on an answer.
pub fn warn(mut response: Response<Body>, warning: Option<HeaderValue>) -> Response<Body> {
    if let Some(silent_ms) = warning {
        response.headers_mut().insert(STALE, silent_ms);
    }
    response
}

fn refused(key: &Key, silent_ms: u64, stale_after_ms: u64) -> Problem {
    let detail = format!(
        "key \"{key}\" is not served: the log has been silent for {silent_ms} ms, and the policy allows {stale_after_ms}: \
         ask another host, or see why this one hears nothing"
    );
    Problem::unavailable("stale", "the value may be too old", detail).header(STALE, HeaderValue::from(silent_ms))
}
