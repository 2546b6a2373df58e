use std::process::{Child, Command, Stdio};

use redis::ConnectionLike;
use sluice_lock::{Memory, Word};

use super::*;

/// A server of this test's own.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn connect(socket: &std::path::Path) -> (Server, redis::Connection) {
    let mut command = Command::new("redis-server");
    command.args(["--port", "0", "--save", "", "--unixsocket"]).arg(socket).stdout(Stdio::null());
    let server = Server(command.spawn().expect("redis-server must be installed to run this test"));
    let client = redis::Client::open(format!("redis+unix://{}", socket.display())).unwrap();
    loop {
        match client.get_connection() {
            Ok(connection) => return (server, connection),
            Err(_) => std::thread::yield_now(),
        }
    }
}

/// Without what depends on when it was asked.
fn timeless(reply: Reply) -> Reply {
    match reply {
        Reply::Held { .. } => Reply::Held { left_ms: 0 },
        Reply::Extended { .. } => Reply::Extended { clock_us: 0 },
        other => other,
    }
}

fn any_ask(random: &mut fastrand::Rng) -> Ask {
    let names = Names::new([&["a"][..], &["b"], &["a", "b"]][random.usize(..3)].iter().copied()).unwrap();
    // Near the end of what a number of Lua holds exactly.
    let (word, ttl_ms, token) = (Word(random.u128(1..4)), random.u64(600_000..900_000), (1 << 53) - random.u64(1..60));
    match random.u8(..6) {
        0 | 1 => Ask::Take { names, word, ttl_ms, token },
        2 => Ask::Raise { names, word, token },
        3 => Ask::Extend { names, word, ttl_ms },
        4 => Ask::TopUp { names, word, ttl_ms },
        _ => Ask::Release { names, word },
    }
}

#[test]
fn a_server_does_what_the_simulated_master_does() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, mut connection) = connect(&folder.path().join("redis.sock"));
    let mut said = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let (mut random, mut memory) = (fastrand::Rng::with_seed(seed), Memory::default());
        redis::cmd("FLUSHALL").exec(&mut connection).unwrap();
        let mut answer = |call: &Call| numbers(&connection.req_packed_command(&call.packed(None)).unwrap()).unwrap();
        for step in 0..150 {
            let run = if random.u8(..20) == 0 { "before" } else { "now" };
            if step == 3 || random.u8(..50) == 0 {
                let floor = (1 << 53) - random.u64(30..90);
                assert_eq!(answer(&Call::admit(run, floor)), [1]);
                memory.admit(run, floor);
            }
            let ask = any_ask(&mut random);
            let call = Call::ask(&ask, run);
            let server = timeless(reply(call.script, &answer(&call)));
            let expected = timeless(memory.answer(&ask, run, 1));
            assert_eq!(server, expected, "seed {seed}, step {step}: {ask:?} in run {run}");
            said.insert(format!("{server:?}").split([' ', '{', '(']).next().unwrap().to_owned());
        }
        let known = answer(&Call::witness("now"));
        let is_admitted = i64::from(memory.mark.run == "now");
        assert_eq!(known, [is_admitted, memory.mark.high.max(memory.mark.floor) as i64]);
    }
    let all = ["Extended", "Held", "NotYours", "Raised", "Released", "Taken", "ToppedUp", "Unadmitted"];
    assert_eq!(said.iter().map(String::as_str).collect::<Vec<_>>(), all, "all there is to say was said");
}
