//! Blobs, reports and what is known about the server.

mod common;

use std::sync::Arc;

use bytes::Bytes;
use common::{Server, wait_for};
use sluice_core::{Digest, Finding, Key, Lost, Refusal, Refused, Remark, Revision, Severity, Standing, State};
use sluice_node::ports::{Blobs, Log, Reports};
use sluice_redis::{API_VERSION, Identity, REPORT_BYTES_MAX, Redis};

fn identity(host: &str) -> Identity {
    Identity {
        host: host.parse().unwrap(),
        version: "1.2.3".to_owned(),
        address: Some("http://10.0.0.1:8080".to_owned()),
        labels: [("zone".to_owned(), "ams".to_owned())].into(),
        started_at_ms: 7,
    }
}

fn standing(refused: usize, reason: &str) -> Standing {
    let mut state = State::default();
    (state.cursor, state.index) = (Revision { ms: 1_000, seq: 0 }, 5);
    for n in 0..refused {
        state.remember(Arc::new(Refused {
            revision: Revision { ms: n as u64, seq: 0 },
            keys: [Key::parse(b"a/b").unwrap()].into(),
            author: Some("mei".into()),
            reason: Some(reason.into()),
            refusal: Refusal::Guarded("too much at once".to_owned()),
        }));
    }
    Standing {
        state,
        held: Vec::new(),
        source: Some(Lost("away".to_owned())),
        rift: None,
        store: None,
        probation: None,
        remarks: Vec::new(),
    }
}

#[tokio::test]
async fn blobs_come_back_as_they_were_and_damage_is_named() {
    let server = Server::start(&[]).await;
    let redis = server.redis();
    for bytes in [Bytes::new(), Bytes::from_static(b"\0\r\n"), Bytes::from(vec![3; 8 << 20])] {
        let blob = redis.store(bytes.clone()).await.unwrap();
        assert_eq!(redis.store(bytes.clone()).await.unwrap(), blob);
        assert_eq!((blob.digest, blob.length), (Digest::of(&bytes), bytes.len() as u64));
        assert!(redis.fetch(blob.digest).await.unwrap() == bytes);
    }
    let blob = redis.store(Bytes::from_static(b"right")).await.unwrap();
    server.say(&["SET", &format!("sluice:{{shop}}:blob:{}", blob.digest), "wrong"]).await;
    let Lost(why) = redis.fetch(blob.digest).await.unwrap_err();
    assert!(why.contains(&blob.digest.to_string()) && why.contains("other bytes"), "{why}");
    redis.store(Bytes::from_static(b"right")).await.unwrap();
    assert!(redis.blob_exists(blob.digest).await.unwrap() && redis.fetch(blob.digest).await.is_ok());

    let absent = Digest::of(b"absent");
    let Lost(why) = redis.fetch(absent).await.unwrap_err();
    assert!(why.contains(&absent.to_string()) && why.contains("not there"), "{why}");
    assert!(!redis.blob_exists(absent).await.unwrap());
}

#[tokio::test]
async fn a_report_tells_where_a_host_stands_and_expires() {
    let server = Server::start(&[]).await;
    let redis = server.redis();
    redis.reporter(identity("ams-2")).report(standing(3, "because")).await.unwrap();
    redis.reporter(identity("ams-1")).report(standing(0, "")).await.unwrap();
    let reports = redis.reports().await.unwrap();
    assert_eq!(reports.iter().map(|report| &report.host[..]).collect::<Vec<_>>(), ["ams-1", "ams-2"]);
    let report = &reports[1];
    assert_eq!((&report.api_version[..], &report.revision[..], report.index), (API_VERSION, "1000-0", 5));
    assert_eq!(report.reads_from, None, "nothing was pulled yet");
    assert_eq!((&report.root, &report.refusals_from[..]), (&State::default().root().to_string(), "0-0"));
    assert_eq!(report.refusals.iter().map(|refusal| &refusal.revision[..]).collect::<Vec<_>>(), ["0-0", "1-0", "2-0"]);
    assert_eq!((&report.refusals[0].class[..], &report.refusals[0].keys[..]), ("guarded", &["a/b".to_owned()][..]));
    assert_eq!((report.source.as_deref(), report.store.as_deref()), (Some("away"), None));
    let text = serde_json::to_value(report).unwrap();
    assert_eq!((&text["refusalsFrom"], &text["refusals"][0]["keysTotal"]), (&"0-0".into(), &1.into()), "{text:#}");

    redis.pull(Revision::ZERO.into()).await.unwrap();
    redis.reporter(identity("ams-2")).report(standing(0, "")).await.unwrap();
    assert_eq!(redis.reports().await.unwrap()[1].reads_from.as_deref(), server.socket().to_str());

    server.say(&["PEXPIRE", "sluice:{shop}:host:ams-1", "1"]).await;
    wait_for(|| async { redis.reports().await.unwrap().len() == 1 }).await;
    let seen = redis.hosts().await.unwrap();
    assert!(seen[0].host == "ams-1" && seen[0].report.is_none() && seen[0].seen_ms > 1_700_000_000_000);

    server.say(&["ZADD", "sluice:{shop}:hosts", "5", "long-gone"]).await;
    redis.reporter(identity("ams-1")).report(standing(0, "")).await.unwrap();
    assert_eq!(redis.hosts().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_report_has_room_for_the_newest_refusals_only_and_says_so() {
    let server = Server::start(&[]).await;
    let redis = server.redis();
    let reporter = redis.reporter(identity("ams-1"));
    let report = async |standing: Standing| {
        reporter.report(standing).await.unwrap();
        redis.reports().await.unwrap().remove(0)
    };
    let full = report(standing(128, "r")).await;
    assert_eq!((full.refusals.len(), &full.refusals_from[..]), (128, "0-0"));
    let forgetful = report(standing(130, "r")).await;
    assert_eq!((forgetful.refusals.len(), &forgetful.refusals_from[..]), (128, "2-0"));
    let wordy = report(standing(128, &"\u{1}".repeat(4_096))).await;
    assert!(wordy.refusals.len() < 128 && wordy.refusals_from == wordy.refusals[0].revision);
    assert_eq!(wordy.refusals.last().unwrap().revision, "127-0");
    assert!(serde_json::to_vec(&wordy).unwrap().len() <= REPORT_BYTES_MAX);

    let remark = |n: u64, words: &str| Remark {
        revision: Revision { ms: n, seq: 0 },
        findings: Arc::new([Finding {
            validator: "limits".into(),
            severity: Severity::Warning,
            code: "near".into(),
            message: words.into(),
            key: None,
            pointer: None,
            help: None,
        }]),
    };
    let remarked = report(Standing { remarks: vec![remark(7, "90 of 100")], ..standing(0, "") }).await;
    assert_eq!((&remarked.remarks[0].revision[..], &remarked.remarks[0].findings[0].message[..]), ("7-0", "90 of 100"));
    let remarks = (0..1000).map(|n| remark(n, &"w".repeat(400))).collect();
    let wordy = report(Standing { remarks, ..standing(128, &"\u{1}".repeat(4_096)) }).await;
    assert_eq!(wordy.remarks.last().unwrap().revision, "999-0", "the newest are told");
    assert!(serde_json::to_vec(&wordy).unwrap().len() <= REPORT_BYTES_MAX);
}

#[tokio::test]
async fn the_server_is_described_for_operators() {
    let server = Server::start(&["--maxmemory-policy", "noeviction"]).await;
    let facts = server.redis().server_facts().await.unwrap();
    assert!(facts.version.contains('.') && facts.role == "master" && facts.maxmemory_policy == "noeviction");
    assert!(!facts.is_appendonly && facts.save.as_deref() == Some("") && facts.skew_ms.abs() < 1_000);
    assert_eq!(facts.user.as_deref(), Some("default"));
    assert!(facts.rights.iter().all(|right| right.allowed == Some(true)), "{:?}", facts.rights);

    server.say(&["ACL", "SETUSER", "edge", "on", ">pw", "~*", "-@all", "+xread", "+ping", "+acl"]).await;
    let mut settings = server.settings();
    settings.url = format!("{}?user=edge&pass=pw", server.url());
    let facts = Redis::new(settings).unwrap().server_facts().await.unwrap();
    let denied = facts.rights.iter().filter(|right| right.allowed == Some(false)).count();
    assert_eq!((denied, facts.rights[0].allowed), (facts.rights.len() - 1, Some(true)), "{:?}", facts.rights);
}
