//! A network between two ends that is as bad as a test wants it: late, narrow, in pieces, deaf, or cut.
//!
//! ```text
//!   client --read--> [due time, bytes] --write when due--> server     one such line each way
//! ```
//!
//! A line keeps bytes and order; time passes on each piece by itself, so that latency takes nothing off the
//! bandwidth. What chance decides comes from one seed. Bytes that a deaf line took are gone, and so is the line:
//! it stays deaf when the weather is better again, as after a firewall has forgotten a connection.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;

/// Pieces under way on one line: enough for latency at full speed, few enough to push back.
const PIECES_MAX: usize = 256;
const PIECE_BYTES: usize = 16 << 10;
/// Longer than any test.
const FOR_EVER: Duration = Duration::from_secs(24 * 60 * 60);

/// What the network is like. May change at any time; what is under way keeps what it met.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weather {
    /// How late each piece comes.
    pub latency: Duration,
    /// At most so much later still, by chance; order is kept.
    pub jitter: Duration,
    /// How many bytes a second each line takes; none: as many as there are.
    pub bytes_per_second: Option<u32>,
    /// Pieces have 1 to so many bytes, by chance; none: as they come.
    pub slice: Option<usize>,
    /// Nothing arrives at the server any more, and nothing says so.
    pub is_deaf_up: bool,
    /// Nothing arrives at the client any more, and nothing says so.
    pub is_deaf_down: bool,
    /// New connections are accepted and reset.
    pub is_refusing: bool,
    /// Each line down is cut behind so many bytes, in the middle of whatever that is.
    pub cut_down_after: Option<usize>,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As if both ends had hung up.
    Cut,
    /// As if both ends had crashed: RST.
    Reset,
}

/// A proxy on a port of its own; gone with this value.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    inner: Mutex<Inner>,
    /// Told when a wait may be over: at the end, or when all is cut.
    changed: Condvar,
    to: SocketAddr,
}

struct Inner {
    weather: Weather,
    random: fastrand::Rng,
    open: Vec<(u64, TcpStream, TcpStream)>,
    accepted: u64,
    is_over: bool,
}

/// One direction of one connection.
struct Line {
    shared: Arc<Shared>,
    connection: u64,
    is_up: bool,
}

/// What has gone through a line.
struct Meter {
    passed: usize,
    /// When the line has room for more.
    free_from: Instant,
}

/// Bytes, and when they are due.
type Piece = (Instant, Vec<u8>);

impl Proxy {
    /// Starts one in front of a server on this machine.
    pub fn start(port: u16, seed: u64) -> Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let random = fastrand::Rng::with_seed(seed);
        let inner = Inner { weather: Weather::default(), random, open: Vec::new(), accepted: 0, is_over: false };
        let to = SocketAddr::from(([127, 0, 0, 1], port));
        let shared = Arc::new(Shared { inner: Mutex::new(inner), changed: Condvar::new(), to });
        let accepting = thread::spawn({
            let shared = shared.clone();
            move || accept(&listener, &shared)
        });
        Ok(Proxy { shared, address, accepting: Some(accepting) })
    }

    /// The URL of the Redis behind it.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Changes the weather.
    pub fn set(&self, weather: Weather) {
        self.shared.inner().weather = weather;
    }

    /// Ends all connections there are now.
    pub fn end(&self, how: End) {
        for (_, client, server) in self.shared.inner().open.drain(..) {
            end(&client, how);
            end(&server, how);
        }
        self.shared.changed.notify_all();
    }

    /// How many connections were ever taken.
    pub fn accepted(&self) -> u64 {
        self.shared.inner().accepted
    }

    /// How many are open now.
    pub fn open(&self) -> usize {
        self.shared.inner().open.len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.inner().is_over = true;
        self.end(End::Cut);
        // Wakes the thread that accepts, which then sees that it is over.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
    }
}

impl Shared {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is time; false when the connection was ended before.
    fn until(&self, due: Instant, connection: u64) -> bool {
        let mut inner = self.inner();
        loop {
            let left = due.saturating_duration_since(Instant::now());
            let is_open = inner.open.iter().any(|(number, ..)| *number == connection);
            if !is_open || left.is_zero() {
                return is_open;
            }
            inner = self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn close(&self, connection: u64, how: End) {
        let mut inner = self.inner();
        if let Some(at) = inner.open.iter().position(|(number, ..)| *number == connection) {
            let (_, client, server) = inner.open.swap_remove(at);
            end(&client, how);
            end(&server, how);
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.inner().is_over {
            return;
        }
        let Ok(client) = client else { continue };
        shared.inner().accepted += 1;
        let is_refusing = shared.inner().weather.is_refusing;
        match (is_refusing, TcpStream::connect(shared.to)) {
            // A connection that cannot be handed on fails as one that is refused.
            (true, _) | (false, Err(_)) => end(&client, End::Reset),
            (false, Ok(server)) => drop(carry(shared, client, server)),
        }
    }
}

fn carry(shared: &Arc<Shared>, client: TcpStream, server: TcpStream) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let connection = {
        let mut inner = shared.inner();
        let number = inner.accepted;
        inner.open.push((number, client.try_clone()?, server.try_clone()?));
        number
    };
    let line = |is_up| Line { shared: shared.clone(), connection, is_up };
    line(true).run(client.try_clone()?, server.try_clone()?);
    line(false).run(server, client);
    Ok(())
}

impl Line {
    fn run(self, from: TcpStream, to: TcpStream) {
        let (give, take) = sync_channel(PIECES_MAX);
        let writing = Line { shared: self.shared.clone(), ..self };
        thread::spawn(move || self.read(from, &give));
        thread::spawn(move || writing.write(to, &take));
    }

    fn read(&self, mut from: TcpStream, give: &SyncSender<Piece>) {
        let (mut is_deaf, mut meter) = (false, Meter { passed: 0, free_from: Instant::now() });
        let mut bytes = vec![0; PIECE_BYTES];
        while let Ok(read @ 1..) = from.read(&mut bytes) {
            let (weather, late) = self.meets();
            is_deaf |= if self.is_up { weather.is_deaf_up } else { weather.is_deaf_down };
            let mut rest = &bytes[..read];
            while !is_deaf && !rest.is_empty() {
                let piece;
                (piece, rest) = rest.split_at(self.slice(&weather, rest.len()));
                let piece = &piece[..piece.len().min(self.left(&weather, &meter))];
                let due = meter.take(piece.len(), &weather) + late;
                // What is under way arrives, and behind it the line ends.
                if give.send((due, piece.to_vec())).is_err() || self.left(&weather, &meter) == 0 {
                    return;
                }
            }
        }
        // A deaf line does not tell that an end hung up either.
        if is_deaf {
            self.shared.until(Instant::now() + FOR_EVER, self.connection);
        }
    }

    /// How many bytes may still pass before the line is cut.
    fn left(&self, weather: &Weather, meter: &Meter) -> usize {
        match weather.cut_down_after {
            Some(bound) if !self.is_up => bound.saturating_sub(meter.passed),
            Some(_) | None => usize::MAX,
        }
    }

    fn write(&self, mut to: TcpStream, take: &Receiver<Piece>) {
        while let Ok((due, piece)) = take.recv() {
            if !self.shared.until(due, self.connection) || to.write_all(&piece).is_err() {
                break;
            }
        }
        self.shared.close(self.connection, End::Cut);
    }

    fn meets(&self) -> (Weather, Duration) {
        let mut inner = self.shared.inner();
        let weather = inner.weather;
        (weather, weather.latency + weather.jitter.mul_f64(inner.random.f64()))
    }

    fn slice(&self, weather: &Weather, bytes: usize) -> usize {
        match weather.slice {
            Some(most) => self.shared.inner().random.usize(1..=most.max(1)).min(bytes),
            None => bytes,
        }
    }
}

impl Meter {
    /// When a piece is through.
    fn take(&mut self, bytes: usize, weather: &Weather) -> Instant {
        self.passed += bytes;
        let took = weather.bytes_per_second.map(|rate| Duration::from_secs_f64(bytes as f64 / f64::from(rate)));
        self.free_from = self.free_from.max(Instant::now()) + took.unwrap_or_default();
        self.free_from
    }
}

fn end(stream: &TcpStream, how: End) {
    // It may be closed already.
    match how {
        End::Cut => drop(stream.shutdown(Shutdown::Both)),
        // Whoever reads here lets go of it, and closing with nothing to linger for is what sends RST.
        End::Reset => {
            drop(socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)));
            drop(stream.shutdown(Shutdown::Read));
        }
    }
}
