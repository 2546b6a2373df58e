//! Accepts connections, and ends them in good order.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tracing::{debug, warn};

use crate::crowd::{Crowd, Order, Place, Socket};
use crate::door::Door;
use crate::settings::Settings;
use crate::surface::Surface;

/// Pause after the system gave no connection, which most often means that it is out of files; without
/// it the loop would spin until some are free.
const ACCEPT_PAUSE_MS: u64 = 50;

/// Smallest buffer hyper takes, in bytes.
const BUFFER_BYTES_MIN: usize = 8 << 10;

/// Turns true when the listener should stop; a sender that is gone means the same.
pub type Stop = watch::Receiver<bool>;

/// What a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// Both of the following.
    Everything,
    /// Values, watching and publishing.
    Data,
    /// Status, refusals, entries and metrics.
    Administration,
}

/// How a listener ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that had to be cut, because they were not done in time.
    pub cut: usize,
}

/// Serves until told to stop; then no connection is taken, streams get their last event, polls their
/// answer, and whoever is not done after [`Settings::drain_ms`] is cut.
pub async fn serve(listener: TcpListener, surface: Arc<Surface>, serves: Serves, stop: Stop) -> Drained {
    let settings = &surface.settings;
    let crowd = Arc::new(Crowd::default());
    let most = settings.connections_max.clamp(1, u32::MAX as usize >> 4);
    let room = Arc::new(Semaphore::new(most));
    tokio::select! {
        biased;
        () = stopped(stop.clone()) => (),
        () = accept(&listener, &surface, serves, &stop, (&crowd, &room)) => (),
        () = crowd.watch(Duration::from_millis(settings.idle_ms), Duration::from_millis(settings.stall_ms)) => (),
    }
    drop(listener);
    surface.drain();
    crowd.tell(Order::Finish);
    let all_gone = room.acquire_many(most as u32);
    let cut = match tokio::time::timeout(Duration::from_millis(settings.drain_ms), all_gone).await {
        Ok(_) => 0,
        Err(_) => crowd.tell(Order::Leave),
    };
    Drained { cut }
}

/// Waits until it is time to stop.
pub(crate) async fn stopped(mut stop: Stop) {
    // An error means that the sender is gone, and with it whoever could stop us later.
    drop(stop.wait_for(|stop| *stop).await);
}

async fn accept(
    listener: &TcpListener,
    surface: &Arc<Surface>,
    serves: Serves,
    stop: &Stop,
    (crowd, room): (&Arc<Crowd>, &Arc<Semaphore>),
) {
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let place = crowd.enter();
                let door = Door::new(surface.clone(), serves, stop.clone(), place.line.clone());
                tokio::spawn(converse(stream, door, place, permit));
            }
            Err(error) => {
                warn!(%error, "no connection accepted");
                tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
            }
        }
    }
}

/// Serves one connection to its end.
async fn converse(stream: TcpStream, door: Door, place: Place, permit: OwnedSemaphorePermit) {
    // Without it small answers wait for the peer's acknowledgement. A socket that refuses is closing anyway.
    drop(stream.set_nodelay(true));
    let meter = door.surface.meter.connections.clone();
    meter.increment(1.0);
    let io = TokioIo::new(Socket::new(stream, place.line.clone()));
    let mut connection = pin!(protocol(door.settings()).serve_connection(io, door));
    let ended = poll_fn(|cx| {
        match place.line.order(cx) {
            Order::Serve => (),
            Order::Finish => connection.as_mut().graceful_shutdown(),
            Order::Leave => return Poll::Ready(Ok(())),
        }
        connection.as_mut().poll(cx)
    });
    if let Err(error) = ended.await {
        debug!(%error, "connection ended");
    }
    meter.decrement(1.0);
    drop((place, permit));
}

fn protocol(settings: &Settings) -> http1::Builder {
    let mut builder = http1::Builder::new();
    let head = settings.header_bytes_max.max(BUFFER_BYTES_MIN);
    builder.max_buf_size(head).max_header_size(head).pipeline_flush(true).half_close(false).header_read_timeout(None);
    builder
}
