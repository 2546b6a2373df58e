//! The open connections of a listener, and one pair of eyes on them all.
//!
//! hyper's own timer for request heads sets up a timer for each request, which costs a tenth of a read.
//! Here each connection only notes what it does, and the crowd looks at all of them now and then.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// What a connection has been told. Only ever gets worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Go on.
    Serve,
    /// Answer what is open, then close.
    Finish,
    /// Close now.
    Leave,
}

/// What a connection notes about itself, and what it is told. Written by its own task only, but for the
/// order, so plain stores are enough.
#[derive(Default)]
pub struct Line {
    order: AtomicU8,
    waker: AtomicWaker,
    requests: AtomicU32,
    open: AtomicU32,
    written: AtomicU64,
    is_stuck: AtomicBool,
}

/// A request that is being answered for longer than one step; the connection is not idle meanwhile.
pub struct Busy(Arc<Line>);

/// All connections of one listener.
#[derive(Default)]
pub struct Crowd {
    members: Mutex<Members>,
}

#[derive(Default)]
struct Members {
    lines: BTreeMap<u64, Watched>,
    count: u64,
}

struct Watched {
    line: Arc<Line>,
    requests: u32,
    written: u64,
    active: Instant,
    flowing: Instant,
}

/// A connection's place in the crowd; leaves when dropped.
pub struct Place {
    /// What it notes.
    pub line: Arc<Line>,
    number: u64,
    crowd: Arc<Crowd>,
}

/// A socket that notes whether its peer takes what is written.
pub struct Socket {
    stream: TcpStream,
    line: Arc<Line>,
}

impl Line {
    /// Notes a request.
    pub fn asked(&self) {
        self.requests.store(self.requests.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// Marks the connection busy until the mark is dropped.
    pub fn busy(self: &Arc<Self>) -> Busy {
        self.open.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }

    /// What it has been told; the task is woken when that changes.
    pub fn order(&self, cx: &Context<'_>) -> Order {
        self.waker.register(cx.waker());
        match self.order.load(Ordering::Acquire) {
            0 => Order::Serve,
            1 => Order::Finish,
            _ => Order::Leave,
        }
    }

    fn tell(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::AcqRel);
        self.waker.wake();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Crowd {
    /// Takes a new connection in.
    pub fn enter(self: &Arc<Self>) -> Place {
        let line = Arc::new(Line::default());
        let now = Instant::now();
        let watched = Watched { line: line.clone(), requests: 0, written: 0, active: now, flowing: now };
        let mut members = self.members();
        members.count += 1;
        let number = members.count;
        members.lines.insert(number, watched);
        Place { line, number, crowd: self.clone() }
    }

    /// Looks at all connections for ever and closes those that idle or do not take their answer.
    pub async fn watch(&self, idle: Duration, stall: Duration) {
        let mut looks = tokio::time::interval((idle.min(stall) / 8).max(Duration::from_millis(5)));
        loop {
            let now = looks.tick().await;
            for watched in self.members().lines.values_mut() {
                watched.look(now);
                if now - watched.active > idle || now - watched.flowing > stall {
                    watched.line.tell(Order::Leave);
                }
            }
        }
    }

    /// Tells all of them; answers with how many there are.
    pub fn tell(&self, order: Order) -> usize {
        let members = self.members();
        members.lines.values().for_each(|watched| watched.line.tell(order));
        members.lines.len()
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().expect("nothing panics while it holds this lock")
    }
}

impl Watched {
    fn look(&mut self, now: Instant) {
        let requests = self.line.requests.load(Ordering::Relaxed);
        let written = self.line.written.load(Ordering::Relaxed);
        let is_stuck = self.line.is_stuck.load(Ordering::Relaxed);
        if !is_stuck || written != self.written {
            self.flowing = now;
        }
        // A long answer on its way to a slow reader is the other clock's business.
        if requests != self.requests
            || written != self.written
            || is_stuck
            || self.line.open.load(Ordering::Relaxed) > 0
        {
            self.active = now;
        }
        (self.requests, self.written) = (requests, written);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.members().lines.remove(&self.number);
    }
}

impl Socket {
    /// Notes on `line` what happens on `stream`.
    pub fn new(stream: TcpStream, line: Arc<Line>) -> Socket {
        Socket { stream, line }
    }

    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            let before = self.line.written.load(Ordering::Relaxed);
            self.line.written.store(before.wrapping_add(*bytes as u64), Ordering::Relaxed);
        }
        self.line.is_stuck.store(written.is_pending(), Ordering::Relaxed);
        written
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.note(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
