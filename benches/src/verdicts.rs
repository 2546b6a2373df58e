//! What a verdict costs: each figure against a native function that does the same work, or a bare call.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use json_schema::Settings as Schema;
use serde_json::{Value, json};
use sluice_artifacts::{JSON_SCHEMA, fixtures};
use sluice_core::reach::Reach;
use sluice_core::{Digest, Entry, Revision, State, Verdict, fold};
use sluice_judge::{Library, Settings, Validators};
use sluice_node::memory::MemoryBlobs;
use sluice_node::{Blobs, Judge};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::table::{Goal, Row, median};
use crate::{Scale, bare};

// The very function that the component is made of.
#[allow(dead_code, unreachable_pub)]
#[path = "../../guest/fixtures/routes.rs"]
mod routes;

/// Bytes of a typical document.
const DOCUMENT_BYTES: usize = 4096;
/// Calls after which every image worth making is made.
const WARM_CALLS: usize = 500;
/// Bytes of a large schema.
const SCHEMA_BYTES: usize = 100 << 10;

/// All figures of this kind.
pub async fn rows(scale: Scale) -> Result<Vec<Row>> {
    let calls = scale.requests / 40;
    let mut rows = vec![typical(calls).await?, empty(calls).await?];
    if !scale.is_check() {
        rows.push(schema(calls).await?);
        rows.push(load()?);
    }
    rows.push(threads(calls).await?);
    rows.push(many(calls, if scale.is_check() { 20 } else { 1000 }).await?);
    Ok(rows)
}

/// Validators as on a host, with bindings in a state of their own.
struct Bench {
    validators: Arc<Validators>,
    blobs: Arc<MemoryBlobs>,
    state: State,
}

impl Bench {
    fn new(cache: Option<&Path>) -> Result<Bench> {
        let blobs = Arc::new(MemoryBlobs::default());
        let slots = NonZeroUsize::new(4).context("four")?;
        let library = Library::open(&Settings { cache: cache.map(Path::to_owned), slots, ..Settings::default() })?;
        let validators = Arc::new(Validators::new(library, blobs.clone(), Handle::current()));
        Ok(Bench { validators, blobs, state: State::default() })
    }

    async fn bind(&mut self, name: &str, keys: &str, component: Vec<u8>, settings: &Value) -> Result<()> {
        let digest = Digest::of(&component);
        self.blobs.store(component.into()).await.map_err(|lost| anyhow::anyhow!(lost.0))?;
        let binding = json!({ "keys": [keys], "component": digest.to_string(), "settings": settings }).to_string();
        let entry = entry(self.state.index + 1, &format!("_sluice/validators/{name}"), &binding);
        fold::fold(&mut self.state, &entry, |_, _| Verdict::accept());
        Ok(())
    }

    /// Until components are compiled and images made.
    fn warm(&self, entry: &Entry) -> Result<()> {
        for _ in 0..WARM_CALLS {
            drop(self.validators.judge(entry, &self.state));
            block_in_place(|| self.validators.wait());
        }
        let verdict = self.validators.judge(entry, &self.state);
        ensure!(matches!(verdict, Ok(Verdict::Accept(_))), "the bench's document is not accepted: {verdict:?}");
        Ok(())
    }

    /// Median microseconds of a verdict.
    fn judge_us(&self, entry: &Entry, calls: usize) -> f64 {
        median_us(calls, || drop(black_box(self.validators.judge(entry, &self.state))))
    }
}

/// 4 KiB of routes, against the function itself.
async fn typical(calls: usize) -> Result<Row> {
    let (mut bench, text) = (Bench::new(None)?, table());
    bench.bind("routes", "routes/**", fixtures::ROUTES.to_vec(), &Value::Null).await?;
    let entry = entry(1, "routes/a.json", &text);
    bench.warm(&entry)?;
    let change = sluice_guest::Change::of("routes/a.json", "application/json", &text);
    let native_us = median_us(calls, || drop(black_box(routes::judge(black_box(&change)))));
    let judged_us = bench.judge_us(&entry, calls);
    Ok(Row::ratio("verdict on 4 KiB of routes", "us", judged_us, ("native", native_us), Goal::AtMost(2.5)))
}

/// A validator that does nothing, against wasmtime alone.
async fn empty(calls: usize) -> Result<Row> {
    let mut bench = Bench::new(None)?;
    bench.bind("accepts", "a", fixtures::ACCEPTS.to_vec(), &Value::Null).await?;
    let entry = entry(1, "a", "1");
    bench.warm(&entry)?;
    let judged_us = bench.judge_us(&entry, calls);
    let bare_us = bare::call_us(fixtures::ACCEPTS, "null", &entry, calls)?;
    Ok(Row::ratio("verdict of an empty validator", "us", judged_us, ("bare call", bare_us), Goal::AtMost(1.3)))
}

/// A schema of 100 KB, against the same crate with the schema compiled.
async fn schema(calls: usize) -> Result<Row> {
    let (mut bench, schema, text) = (Bench::new(None)?, large_schema(), table());
    bench.bind("schema", "routes/**", JSON_SCHEMA.to_vec(), &json!({ "schema": schema })).await?;
    let entry = entry(1, "routes/a.json", &text);
    bench.warm(&entry)?;
    let rules = Schema { schema, formats: false }.rules().map_err(|finding| anyhow::anyhow!(finding.message))?;
    let native_us = median_us(calls, || {
        let value: Value = serde_json::from_str(black_box(&text)).expect("our own text");
        assert!(rules.is_valid(&value));
    });
    let judged_us = bench.judge_us(&entry, calls);
    Ok(Row::ratio(
        "verdict of json-schema, schema of 100 KB",
        "us",
        judged_us,
        ("native, compiled", native_us),
        Goal::AtMost(4.0),
    ))
}

/// Two threads against one.
async fn threads(calls: usize) -> Result<Row> {
    let mut bench = Bench::new(None)?;
    bench.bind("routes", "routes/**", fixtures::ROUTES.to_vec(), &Value::Null).await?;
    let entry = entry(1, "routes/a.json", &table());
    bench.warm(&entry)?;
    let rate = |threads: usize| {
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| (0..calls).for_each(|_| drop(black_box(bench.validators.judge(&entry, &bench.state)))));
            }
        });
        (threads * calls) as f64 / begun.elapsed().as_secs_f64()
    };
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        one.push(rate(1));
        two.push(rate(2));
    }
    let (one, two) = (median(one), median(two));
    Ok(Row::ratio("verdicts of two threads", "/s", two, ("one thread", one), Goal::AtLeast(1.8)))
}

/// A component from the cache, for each megabyte of compiled code.
fn load() -> Result<Row> {
    let folder = tempfile::tempdir()?;
    let slots = NonZeroUsize::new(1).context("one")?;
    let settings = Settings { cache: Some(folder.path().join("cache")), slots, ..Settings::default() };
    let compile_ms = Library::open(&settings)?.inspect(JSON_SCHEMA).compile_time.as_secs_f64() * 1e3;
    let mut times = Vec::new();
    for _ in 0..15 {
        times.push(Library::open(&settings)?.inspect(JSON_SCHEMA).compile_time.as_secs_f64() * 1e3);
    }
    let sizes = std::fs::read_dir(folder.path().join("cache"))?.map(|file| Ok(file?.metadata()?.len()));
    let bytes = sizes.collect::<Result<Vec<u64>>>()?.into_iter().max().context("it was kept")?;
    let megabytes = bytes as f64 / f64::from(1 << 20);
    let name = format!("load of {megabytes:.1} MB of code, compiled in {compile_ms:.0} ms");
    Ok(Row::ratio(&name, "ms", median(times), ("1 ms a MB", megabytes), Goal::AtMost(1.0)))
}

/// A thousand bindings on a hundred components, of which one names the change; against that one alone.
async fn many(calls: usize, bindings: usize) -> Result<Row> {
    let (mut all, mut one) = (Bench::new(None)?, Bench::new(None)?);
    for n in 0..bindings {
        let component = marked(fixtures::ACCEPTS, n / 10);
        all.bind(&format!("v{n}"), &format!("tenant-{n}/**"), component, &Value::Null).await?;
    }
    one.bind("v7", "tenant-7/**", marked(fixtures::ACCEPTS, 0), &Value::Null).await?;
    // As many keys, so that bindings are all that differs.
    for n in 1..bindings {
        fold::fold(&mut one.state, &entry(n as u64 + 1, &format!("plain/{n}"), "1"), |_, _| Verdict::accept());
    }
    let entry = entry(1, "tenant-7/a", "1");
    let folded_us = |bench: &Bench| -> Result<f64> {
        bench.warm(&entry)?;
        Ok(median_us(calls, || {
            let mut state = bench.state.clone();
            black_box(Reach::of(&entry, &state));
            let judge = |before: &State| bench.validators.judge(&entry, before).unwrap_or_else(|_| Verdict::accept());
            drop(black_box(fold::fold(&mut state, &entry, |before, _| judge(before))));
        }))
    };
    let (one_us, all_us) = (folded_us(&one)?, folded_us(&all)?);
    let name = format!("a change beside {bindings} bindings, one of which names it");
    Ok(Row::ratio(&name, "us", all_us, ("one binding", one_us), Goal::AtMost(1.5)))
}

/// The same component under another digest: with a custom section of its own.
fn marked(component: &[u8], mark: usize) -> Vec<u8> {
    let mark = format!("mark {mark:03}");
    let mut bytes = component.to_vec();
    // Section 0: its size, the size of its name, the name.
    bytes.extend([0, mark.len() as u8 + 1, mark.len() as u8]);
    bytes.extend(mark.as_bytes());
    bytes
}

/// Routes of about 4 KiB.
fn table() -> String {
    let route = |n: usize| json!({"path": format!("/shop/{n}"), "upstream": format!("pool-{n}"), "weight": n % 100, "timeout_ms": 1500});
    let mut routes: Vec<Value> = Vec::new();
    while json!({ "routes": routes }).to_string().len() < DOCUMENT_BYTES - 80 {
        routes.push(route(routes.len()));
    }
    json!({ "routes": routes }).to_string()
}

/// A schema of about 100 KB, of which a table of routes meets a part.
fn large_schema() -> Value {
    let text = json!({"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[/a-z0-9-]+$"});
    let mut properties = json!({"path": text, "upstream": text, "weight": {"type": "integer", "minimum": 0, "maximum": 100},
        "timeout_ms": {"type": "integer", "minimum": 1}});
    let mut n = 0;
    while properties.to_string().len() < SCHEMA_BYTES - 200 {
        properties[format!("option_{n:04}")] = text.clone();
        n += 1;
    }
    let route = json!({"type": "object", "properties": properties, "required": ["path", "upstream"], "additionalProperties": false});
    json!({"type": "object", "properties": {"routes": {"type": "array", "items": route}}, "required": ["routes"]})
}

fn entry(ms: u64, key: &str, value: &str) -> Entry {
    let field = (Bytes::from(format!("put:{key}")), Bytes::copy_from_slice(value.as_bytes()));
    Entry::read(Revision { ms, seq: 0 }, vec![field])
}

fn median_us(calls: usize, mut call: impl FnMut()) -> f64 {
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls.max(1) {
        let begun = Instant::now();
        call();
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times.get(times.len() / 2).map_or(Duration::ZERO, |time| *time).as_secs_f64() * 1e6
}
