//! The pure parts, by criterion: folding, reading, digests.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluice_benches::state;
use sluice_core::{Digest, Entry, Key, Verdict, fold};

const SIZES: [(usize, &str); 2] = [(1_000, "1k keys"), (1_000_000, "1M keys")];

/// One change of one key, with a snapshot kept from before each, as a host that installs every change has.
fn folding(c: &mut Criterion) {
    let mut group = c.benchmark_group("fold one edit");
    for (keys, name) in sizes() {
        let mut state = state::of(keys);
        let entries: Vec<Entry> = (0..4096).map(|n| state::entry(n as u64, n * 7919 % keys)).collect();
        let mut next = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                next = (next + 1) % entries.len();
                let before = state.clone();
                fold::fold(&mut state, &entries[next], |_, _| Verdict::accept());
                before
            });
        });
    }
    group.finish();
}

fn reading(c: &mut Criterion) {
    let mut group = c.benchmark_group("read one key");
    for (keys, name) in sizes() {
        let state = state::of(keys);
        let names: Vec<String> = (0..4096).map(|n| state::name(n * 7919 % keys)).collect();
        let mut next = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                next = (next + 1) % names.len();
                let key = Key::parse(names[next].as_bytes()).expect("a bench's keys are valid");
                state.item(&key).map(|item| item.bytes[0])
            });
        });
    }
    group.finish();
}

fn decoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode and hash an entry of 1 KiB");
    group.throughput(Throughput::Bytes(1024));
    let entry = state::entry(1, 1);
    group.bench_function("entry", |b| b.iter(|| Entry::read(entry.revision, entry.fields.clone())));
    let value = entry.fields[0].1.clone();
    group.bench_function("its BLAKE3 alone", |b| b.iter(|| Digest::of(&value)));
    group.finish();
}

/// In check mode a million keys would only cost time.
fn sizes() -> impl Iterator<Item = (usize, &'static str)> {
    let is_check = std::env::args().any(|arg| arg == "--test");
    SIZES.into_iter().map(move |(keys, name)| (if is_check { 1_000 } else { keys }, name))
}

criterion_group!(benches, folding, reading, decoding);
criterion_main!(benches);
