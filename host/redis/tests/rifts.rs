//! A log that is not the one a host has followed: what the host is told, and that it gets nothing of it.

mod common;

use std::time::Duration;

use common::{Server, fields, wait_for};
use sluice_core::{Apart, Place, PullError, Revision, Rift, State, Verdict, fold};
use sluice_node::ports::Log;
use sluice_redis::Redis;

/// A host that follows a log, without anything of a host but its place.
struct Follower {
    redis: Redis,
    state: State,
}

impl Follower {
    async fn of(server: &Server, entries: usize) -> Follower {
        let redis = server.redis();
        for n in 0..entries {
            redis.append(fields(&[(&format!("put:k/{n}"), "1")])).await.unwrap();
        }
        let mut follower = Follower { redis, state: State::default() };
        while follower.state.index < entries as u64 {
            assert_eq!(follower.pull().await, Ok(()));
        }
        follower
    }

    async fn pull(&mut self) -> Result<(), PullError> {
        for entry in self.redis.pull(self.state.place()).await? {
            fold::fold(&mut self.state, &entry, |_, _| Verdict::accept());
        }
        Ok(())
    }

    /// How the log came apart from it; nothing of the log was taken.
    async fn rift(&mut self) -> Rift {
        let before = self.state.place();
        let rift = match self.pull().await {
            Err(PullError::Apart(Apart { rift, why })) => {
                assert!(!why.is_empty());
                rift
            }
            other => panic!("{other:?} at {:?}", self.state.place()),
        };
        assert_eq!(self.state.place(), before);
        rift
    }

    fn at(&self) -> String {
        self.state.cursor.to_string()
    }
}

const LOG: &str = "sluice:{shop}:log";

#[tokio::test]
async fn an_emptied_server_is_a_reset_also_when_others_have_begun_to_write_to_it() {
    let server = Server::start(&[]).await;
    let mut host = Follower::of(&server, 5).await;
    server.say(&["FLUSHALL"]).await;
    assert_eq!(host.rift().await, Rift::Reset);
    server.say(&["XADD", LOG, "*", "put:other", "1"]).await;
    assert_eq!(host.rift().await, Rift::Reset);
    let mut fresh = Follower::of(&server, 0).await;
    assert_eq!(fresh.pull().await, Ok(()), "a new host has no quarrel with it");
    assert_eq!(fresh.state.index, 1);
}

#[tokio::test]
async fn what_is_written_to_an_emptied_log_while_a_pull_waits_is_not_taken() {
    let server = Server::start(&[]).await;
    for bytes in [1, 200_000] {
        let mut settings = server.settings();
        settings.block_ms = 15_000;
        let redis = Redis::new(settings).unwrap();
        redis.append(fields(&[("put:large", &"v".repeat(bytes))])).await.unwrap();
        let mut host = Follower { redis, state: State::default() };
        while host.state.index == 0 {
            host.pull().await.unwrap();
        }
        assert_eq!(host.pull().await, Ok(()), "the first wait on a connection is short");
        let place = host.state.place();
        let waiting = host.redis.clone();
        let pull = tokio::spawn(async move { waiting.pull(place).await });
        wait_for(|| async {
            let clients: String = redis::from_redis_value(server.say(&["CLIENT", "LIST"]).await).unwrap();
            clients.lines().any(|line| line.contains("name=sluice-tail") && line.contains("flags=b"))
        })
        .await;
        server.say(&["FLUSHALL"]).await;
        server.say(&["XADD", LOG, "*", "put:other", "1"]).await;
        let pulled = tokio::time::timeout(Duration::from_secs(10), pull).await.unwrap().unwrap();
        assert!(matches!(&pulled, Err(PullError::Apart(Apart { rift: Rift::Reset, .. }))), "{bytes}: {pulled:?}");
        server.say(&["FLUSHALL"]).await;
    }
}

#[tokio::test]
async fn a_log_trimmed_past_a_host_says_so_and_one_trimmed_behind_it_does_not() {
    let server = Server::start(&[]).await;
    let mut host = Follower::of(&server, 5).await;
    server.say(&["XTRIM", LOG, "MAXLEN", "=", "2"]).await;
    assert_eq!(host.pull().await, Ok(()));
    for n in 0..4 {
        host.redis.append(fields(&[(&format!("put:late/{n}"), "1")])).await.unwrap();
    }
    server.say(&["XTRIM", LOG, "MAXLEN", "=", "4"]).await;
    assert_eq!(host.pull().await, Ok(()), "only what it has is gone");
    assert_eq!(host.state.index, 9);
    host.redis.append(fields(&[("put:a", "1")])).await.unwrap();
    host.redis.append(fields(&[("put:b", "1")])).await.unwrap();
    server.say(&["XTRIM", LOG, "MAXLEN", "=", "1"]).await;
    assert_eq!(host.rift().await, Rift::Trimmed);
    let mut fresh = Follower { redis: server.redis(), state: State::default() };
    assert_eq!(fresh.rift().await, Rift::Trimmed, "a new host needs what came before");

    let emptied = Server::start(&[]).await;
    let mut other = Follower::of(&emptied, 1).await;
    emptied.say(&["XTRIM", LOG, "MAXLEN", "=", "0"]).await;
    assert_eq!(other.pull().await, Ok(()), "trimmed to the last entry, which it has");
    other.redis.append(fields(&[("put:a", "2")])).await.unwrap();
    assert_eq!(other.pull().await, Ok(()));
    assert_eq!(other.state.index, 2);
}

#[tokio::test]
async fn a_lost_end_is_a_fork_whatever_came_in_its_place() {
    let server = Server::start(&[]).await;
    let mut host = Follower::of(&server, 5).await;
    let at = host.at();
    // As after a failover that lost the newest entry: the same server, for the host cannot tell.
    server.say(&["XDEL", LOG, &at]).await;
    server.say(&["XSETID", LOG, "9999999999999-0"]).await;
    assert_eq!(host.rift().await, Rift::Forked);
    server.say(&["XADD", LOG, "*", "put:other", "1"]).await;
    assert_eq!(host.rift().await, Rift::Forked);
}

#[tokio::test]
async fn another_entry_under_the_same_revision_is_a_fork() {
    let server = Server::start(&[]).await;
    server.say(&["XADD", LOG, "1-0", "put:a", "1"]).await;
    server.say(&["XADD", LOG, "2-0", "put:a", "mine"]).await;
    let mut host = Follower { redis: server.redis(), state: State::default() };
    host.pull().await.unwrap();
    assert_eq!(host.state.index, 2);
    server.say(&["DEL", LOG]).await;
    server.say(&["XADD", LOG, "1-0", "put:a", "1"]).await;
    server.say(&["XADD", LOG, "2-0", "put:a", "theirs"]).await;
    server.say(&["XADD", LOG, "3-0", "put:a", "2"]).await;
    assert_eq!(host.rift().await, Rift::Forked);
    server.say(&["DEL", LOG]).await;
    for (id, value) in [("1-0", "1"), ("2-0", "mine"), ("3-0", "2")] {
        server.say(&["XADD", LOG, id, "put:a", value]).await;
    }
    assert_eq!(host.pull().await, Ok(()), "the log is itself again");
    assert_eq!(host.state.index, 3);
}

#[tokio::test]
async fn a_huge_answer_is_held_against_the_log_too() {
    let server = Server::start(&[]).await;
    let mut settings = server.settings();
    settings.batch_bytes = 64 << 10;
    let redis = Redis::new(settings).unwrap();
    for n in 0..2 {
        redis.append(fields(&[(&format!("put:k/{n}"), "1")])).await.unwrap();
    }
    let mut host = Follower { redis, state: State::default() };
    host.pull().await.unwrap();
    let place: Place = host.state.place();
    for _ in 0..20 {
        host.redis.append(fields(&[("put:a", &"v".repeat(100 << 10))])).await.unwrap();
    }
    assert_eq!(host.pull().await, Ok(()));
    assert!((3..21).contains(&host.state.index), "cut short: {}", host.state.index);
    server.say(&["XDEL", LOG, &place.revision.to_string()]).await;
    assert!(matches!(host.redis.pull(place).await, Err(PullError::Apart(_))));
}

#[tokio::test]
async fn an_entry_deleted_from_the_middle_is_missed_by_nobody_who_has_not_read_it() {
    let server = Server::start(&[]).await;
    let mut host = Follower::of(&server, 3).await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(host.redis.append(fields(&[(&format!("put:late/{n}"), "1")])).await.unwrap().to_string());
    }
    server.say(&["XDEL", LOG, &ids[1]]).await;
    let before = host.state.place();
    host.redis = server.redis();
    assert_eq!(host.rift().await, Rift::Hole, "and nothing behind it was taken");
    assert_eq!(host.state.place(), before);
    assert_eq!(host.rift().await, Rift::Hole, "it is told as long as it is so");
    // Somebody says that it was meant.
    server.say(&["XSETID", LOG, &ids[2], "ENTRIESADDED", "5"]).await;
    assert_eq!(host.pull().await, Ok(()));
    assert_eq!(host.state.index, 5);

    // The newest, before anybody read it.
    let last = host.redis.append(fields(&[("put:last", "1")])).await.unwrap().to_string();
    server.say(&["XDEL", LOG, &last]).await;
    host.redis = server.redis();
    assert_eq!(host.rift().await, Rift::Hole);
}

#[tokio::test]
async fn a_log_that_counts_otherwise_for_good_reasons_has_no_hole() {
    let server = Server::start(&[]).await;
    let mut host = Follower::of(&server, 3).await;
    let ids: Vec<String> =
        host.redis.read(Revision::ZERO, 9).await.unwrap().iter().map(|entry| entry.revision.to_string()).collect();
    // Read before it was deleted.
    server.say(&["XDEL", LOG, &ids[1]]).await;
    host.redis = server.redis();
    assert_eq!(host.pull().await, Ok(()));
    // Moved as a whole to another server, as a backup is.
    let dump: Vec<u8> = redis::from_redis_value(server.say(&["DUMP", LOG]).await).unwrap();
    let other = Server::start(&[]).await;
    other.restore(LOG, &dump).await;
    host.redis = other.redis();
    assert_eq!(host.pull().await, Ok(()));
    host.redis.append(fields(&[("put:b", "1")])).await.unwrap();
    assert_eq!(host.pull().await, Ok(()));
    assert_eq!(host.state.index, 4);
    // Trimmed behind the host, and gone on.
    other.say(&["XTRIM", LOG, "MAXLEN", "=", "1"]).await;
    host.redis = other.redis();
    assert_eq!(host.pull().await, Ok(()));
    // A server that does not know how many there were before.
    let last = host.at();
    other.say(&["XSETID", LOG, &last, "ENTRIESADDED", "1"]).await;
    host.redis = other.redis();
    assert_eq!(host.pull().await, Ok(()));
}
