//! Many values, page by page.

use hyper::header::HeaderValue;
use hyper::{Response, StatusCode};
use serde::Serialize;
use sluice_core::{Key, Revision};
use sluice_node::{Hub, View};

use crate::answer::{self, AGE_MS, API_VERSION, REVISION};
use crate::body::Body;
use crate::door::{Answer, Door, Step};
use crate::freshness;
use crate::poll;
use crate::problem::Problem;
use crate::query::Query;
use crate::row::Row;
use crate::settings::Settings;
use crate::surface::Surface;

/// One page. A page is from one revision; `began` is the revision of the first page, so whoever reads on
/// while things change can tell, and ask what changed meanwhile.
#[derive(Serialize)]
struct Page<'a> {
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    revision: String,
    began: String,
    prefix: &'a str,
    keys: Vec<Row<'a>>,
    /// What to send as `after` for the next page; none on the last.
    next: Option<String>,
}

/// What a request wants to see.
struct Wish {
    prefix: String,
    is_full: bool,
    limit: usize,
    after: Option<Cursor>,
}

/// Where a page begins: behind this key; `revision:key`, or the key alone for people.
struct Cursor {
    began: Option<Revision>,
    key: String,
}

/// `GET /v1/keys`.
pub fn get(door: &Door, query: Option<&str>) -> Result<Step, Problem> {
    let query = Query::parse(query, &["prefix", "keys_only", "limit", "after", "wait", "since"])?;
    let wish = Wish::read(&query, door.settings())?;
    let (wait_ms, since) = (query.wait_ms("wait")?, query.revision("since")?);
    match (wait_ms, since) {
        (None, _) => Ok(Step::Done(wish.page(&door.surface, &door.surface.hub.view()))),
        (Some(_), None) => Err(Problem::bad_request(
            "wait needs to know what you have: add since=REV, the revision of your last listing",
        )),
        (Some(wait_ms), Some(since)) => wait(door, wish, wait_ms, since),
    }
}

fn wait(door: &Door, wish: Wish, wait_ms: u64, since: Revision) -> Result<Step, Problem> {
    let seat = door.surface.seat()?;
    let (door, surface) = (door.clone(), door.surface.clone());
    Ok(Step::Wait(Box::pin(async move {
        let prefix = wish.prefix.clone();
        let changed = |view: &View| is_changed(&surface.hub, view, &prefix, since).then_some(());
        let found = poll::until(door, wait_ms, changed).await;
        drop(seat);
        let view = surface.hub.view();
        match found {
            Some(()) => wish.page(&surface, &view),
            None => Ok(unchanged(&view)),
        }
    })))
}

/// Whether any key under the prefix was touched after `since`; a reader too far behind to tell gets the page.
fn is_changed(hub: &Hub, view: &View, prefix: &str, since: Revision) -> bool {
    hub.touched_since(since, prefix)
        .map_or(true, |touches| touches.iter().any(|touch| touch.at > since && touch.at <= view.state.cursor))
}

fn unchanged(view: &View) -> Response<Body> {
    let mut response = Response::new(Body::EMPTY);
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response.headers_mut().insert(REVISION, answer::revision(view.state.cursor));
    response
}

impl Wish {
    fn read(query: &Query<'_>, settings: &Settings) -> Result<Wish, Problem> {
        Ok(Wish {
            prefix: query.text("prefix").unwrap_or_default().to_owned(),
            is_full: !query.flag("keys_only")?,
            limit: query.count("limit", settings.page_keys_max)?.unwrap_or(settings.page_keys),
            after: query.text("after").map(Cursor::parse).transpose()?,
        })
    }

    fn page(&self, surface: &Surface, view: &View) -> Answer {
        let state = &view.state;
        let after = self.after.as_ref().map(|cursor| cursor.key.as_str());
        let mut page = Page {
            api_version: API_VERSION,
            revision: state.cursor.to_string(),
            began: self.after.as_ref().and_then(|cursor| cursor.began).unwrap_or(state.cursor).to_string(),
            prefix: &self.prefix,
            keys: Vec::new(),
            next: None,
        };
        let (mut bytes, mut last, mut shown): (usize, Option<&Key>, Vec<&Key>) = (0, None, Vec::new());
        for (key, item) in state.range(&self.prefix, after) {
            if page.keys.len() == self.limit || bytes > surface.settings.page_bytes_max {
                page.next = last.map(|last| format!("{}:{last}", page.began));
                break;
            }
            bytes += if self.is_full { item.bytes.len() } else { 0 };
            page.keys.push(Row::new(key, item, self.is_full));
            last = Some(key);
            shown.push(key);
        }
        let warning = freshness::check(surface, view, shown)?;
        let mut response = answer::json(StatusCode::OK, &page);
        response.headers_mut().insert(REVISION, answer::revision(state.cursor));
        response.headers_mut().insert(AGE_MS, HeaderValue::from(surface.age_ms(view)));
        Ok(freshness::warn(response, warning))
    }
}

impl Cursor {
    fn parse(text: &str) -> Result<Cursor, Problem> {
        let Some((began, key)) = text.split_once(':') else {
            return Ok(Cursor { began: None, key: text.to_owned() });
        };
        let began = began.parse().map_err(|error| Problem::bad_request(format!("after: {error}")))?;
        Ok(Cursor { began: Some(began), key: key.to_owned() })
    }
}
