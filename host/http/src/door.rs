//! Where a request comes in.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::Incoming;
use hyper::service::Service;
use hyper::{Method, Request, Response, Uri};

use crate::body::Body;
use crate::crowd::Line;
use crate::problem::Problem;
use crate::query::Query;
use crate::route::{self, Route};
use crate::serve::{Serves, Stop};
use crate::settings::Settings;
use crate::surface::Surface;
use crate::{access, changes, entries, events, health, hosts, keys, listing, openapi, poll, publish, snapshot, status};

/// An answer, or why there is none.
pub type Answer = Result<Response<Body>, Problem>;

/// An answer that takes a while.
pub type Later = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// How far one look at a request comes.
pub enum Step {
    /// It is answered.
    Done(Answer),
    /// It has to wait for something.
    Wait(Later),
}

/// Where the requests of one connection come in.
#[derive(Clone)]
pub struct Door {
    /// What all connections share.
    pub surface: Arc<Surface>,
    /// When to let go of those who wait.
    pub stop: Stop,
    /// What this connection notes about itself.
    pub line: Arc<Line>,
    serves: Serves,
}

/// The answer to a request. Most are known at once and cost no allocation.
pub enum Reply {
    /// Known.
    Now(Option<Response<Body>>),
    /// Takes a while.
    Later(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

impl Door {
    /// A door to the routes that `serves` names.
    pub fn new(surface: Arc<Surface>, serves: Serves, stop: Stop, line: Arc<Line>) -> Door {
        Door { surface, stop, line, serves }
    }

    /// Bounds.
    pub fn settings(&self) -> &Settings {
        &self.surface.settings
    }

    fn step(&self, uri: &Uri, request: Request<Incoming>) -> Result<Step, Problem> {
        let route = Route::of(uri.path());
        let is_elsewhere = match self.serves {
            Serves::Everything => false,
            Serves::Data => route.is_administration(),
            Serves::Administration => route.is_data(),
        };
        if is_elsewhere {
            return Err(Problem::not_found(format!("{} is served on this host's other listener", uri.path())));
        }
        if !route.takes(request.method()) {
            return Err(Problem::method(route.methods()));
        }
        match (route, request.method()) {
            (Route::Key(raw), &Method::PUT | &Method::DELETE) => {
                self.publishes(&request)?;
                publish::key(self, route::key(raw)?, request)
            }
            (Route::Key(raw), _) => poll::key(self, route::key(raw)?, uri.query(), request.headers()),
            (Route::Changes, _) => {
                self.publishes(&request)?;
                changes::post(self, request)
            }
            (_, _) => self.read(route, &request),
        }
    }

    /// The value most requests are after. Tried first and by reference, so that a read moves no request
    /// about; whatever is not as simple as that goes the long way.
    fn value(&self, request: &Request<Incoming>) -> Option<Response<Body>> {
        let is_plain = matches!(*request.method(), Method::GET | Method::HEAD) && request.uri().query().is_none();
        let Route::Key(raw) = Route::of(request.uri().path()) else { return None };
        if !is_plain || self.serves == Serves::Administration {
            return None;
        }
        let view = self.surface.hub.view();
        if !view.state.policy().freshness.is_empty() {
            return None;
        }
        // A name in another spelling, or none at all, is not found here; the long way knows what to say.
        let item = view.state.find(raw.as_bytes())?;
        let response = keys::value(item, self.surface.age_ms(&view), request.headers());
        self.surface.meter.answered(Route::Key(raw), response.status());
        Some(response)
    }

    fn publishes(&self, request: &Request<Incoming>) -> Result<(), Problem> {
        access::check(self.settings().bearer.as_ref(), request.headers())
    }

    fn read(&self, route: Route<'_>, request: &Request<Incoming>) -> Result<Step, Problem> {
        let query = request.uri().query();
        let plain = |answer: fn(&Surface) -> Answer| Query::parse(query, &[]).and_then(|_| answer(&self.surface));
        Ok(Step::Done(match route {
            Route::Keys => return listing::get(self, query),
            Route::Events => events::get(self, request),
            Route::Status => plain(status::status),
            Route::Hosts => return hosts::get(self, query),
            Route::Refusals => plain(status::refusals),
            Route::Entry(revision) => return entries::get(self, revision),
            Route::Snapshot => return snapshot::get(self, request),
            Route::Live => health::live(),
            Route::Ready => health::ready(&self.surface),
            Route::Metrics => plain(health::metrics),
            Route::Description => plain(openapi::get),
            Route::Unknown | Route::Key(_) | Route::Changes => {
                Err(Problem::not_found("this path is unknown: values are under /v1/keys/"))
            }
        }))
    }
}

impl Service<Request<Incoming>> for Door {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Reply;

    fn call(&self, request: Request<Incoming>) -> Reply {
        self.line.asked();
        if let Some(response) = self.value(&request) {
            return Reply::Now(Some(response));
        }
        let uri = request.uri().clone();
        match self.step(&uri, request) {
            Ok(Step::Done(answer)) => Reply::Now(Some(finish(&self.surface, &uri, answer))),
            Err(problem) => Reply::Now(Some(finish(&self.surface, &uri, Err(problem)))),
            Ok(Step::Wait(later)) => {
                let (surface, busy) = (self.surface.clone(), self.line.busy());
                Reply::Later(Box::pin(async move {
                    let answer = later.await;
                    drop(busy);
                    finish(&surface, &uri, answer)
                }))
            }
        }
    }
}

fn finish(surface: &Surface, uri: &Uri, answer: Answer) -> Response<Body> {
    let response = answer.unwrap_or_else(|problem| problem.respond(uri.path()));
    surface.meter.answered(Route::of(uri.path()), response.status());
    response
}

impl Future for Reply {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Reply::Now(response) => Poll::Ready(Ok(response.take().expect("a future is not polled after its end"))),
            Reply::Later(later) => later.as_mut().poll(cx).map(Ok),
        }
    }
}
