//! What goes into a snapshot comes out, small changes write little again, and no damage goes unnoticed.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::{any, proptest};
use proptest::test_runner::Config;
use sluice_core::{BlobRef, Digest, Entry, Item, Key, Media, Revision, State, Verdict, fold};
use sluice_pack::{Archive, CHUNK_BYTES, Chunk, Kind, Loading, Manifest, Packing, Stored, begin_archive, end_archive};

const AT: Revision = Revision { ms: 1_700_000_000_000, seq: 0 };

fn key(n: usize) -> Key {
    Key::parse(format!("app/{}/key-{n}", n % 7).as_bytes()).unwrap()
}

/// Bytes that do not pack well, so that sizes mean something.
fn noise(seed: usize, length: usize) -> Bytes {
    let blocks = (0..length.div_ceil(32)).flat_map(|block| Digest::of(format!("{seed} {block}").as_bytes()).0);
    blocks.take(length).collect()
}

fn item(bytes: Bytes) -> Item {
    Item { revision: AT, media: Media::BYTES, digest: Digest::of(&bytes), bytes }
}

fn entry(n: u64, fields: &[(&str, &str)]) -> Arc<Entry> {
    let owned = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let fields = fields.iter().map(|(name, value)| (owned(name), owned(value))).collect();
    Arc::new(Entry::read(Revision { ms: AT.ms + n, seq: 0 }, fields))
}

/// A state with all there can be in one: many keys, a large value, tokens, refusals, a held entry.
fn state(keys: usize) -> State {
    let mut state = State::default();
    for n in 0..700 {
        let (name, token) = (format!("put:t/{}", n % 50), format!("token {n}"));
        fold::fold(&mut state, &entry(n, &[(&name, "1"), ("token", &token)]), |_, _| Verdict::accept());
    }
    for n in 0..40 {
        fold::fold(&mut state, &entry(1000 + n, &[("no field", "x")]), |_, _| Verdict::accept());
    }
    let held = entry(2000, &[("put:held", "1")]);
    fold::pass(&mut state, &held).unwrap();
    state.held.insert(held.revision, held);
    (0..keys).for_each(|n| state.set(&key(n), Some(item(noise(n, 256)))));
    state.set(&key(keys), Some(item(noise(keys, 3 * CHUNK_BYTES))));
    state
}

fn packed(state: &State, before: Option<&Manifest>) -> (Manifest, HashMap<Digest, Bytes>) {
    let mut chunks = HashMap::new();
    let put = |chunk: Chunk| {
        chunks.insert(chunk.about.digest, chunk.bytes);
        Ok::<(), ()>(())
    };
    let manifest = Packing::new("shop", state, before).each(put).unwrap();
    (manifest, chunks)
}

fn loaded(manifest: &Manifest, chunks: &HashMap<Digest, Bytes>, have: State) -> (State, usize) {
    let mut loading = Loading::new(manifest.clone(), have);
    let wanted = loading.wanted().to_vec();
    wanted.iter().for_each(|about| loading.take(about.open(&chunks[&about.digest]).unwrap()));
    (loading.finish().unwrap(), wanted.len())
}

#[track_caller]
fn same(found: &State, wanted: &State) {
    assert_eq!((found.cursor, found.index, found.chain), (wanted.cursor, wanted.index, wanted.chain));
    assert_eq!((found.root(), found.newest, found.bytes()), (wanted.root(), wanted.newest, wanted.bytes()));
    assert!(found.tokens.iter().eq(wanted.tokens.iter()), "tokens");
    assert_eq!((&found.refused, &found.held), (&wanted.refused, &wanted.held));
    assert!(found.range("", None).eq(wanted.range("", None)), "items");
}

#[test]
fn a_state_comes_back_whole_on_a_host_that_has_nothing() {
    for keys in [0, 1, 5000] {
        let state = state(keys);
        let (manifest, chunks) = packed(&state, None);
        let read = Manifest::read(&manifest.to_bytes(), Digest::of(&manifest.to_bytes())).unwrap();
        assert_eq!(read, manifest);
        same(&loaded(&manifest, &chunks, State::default()).0, &state);
    }
    let (empty, chunks) = packed(&State::default(), None);
    same(&loaded(&empty, &chunks, State::default()).0, &State::default());
}

#[test]
fn equal_states_have_equal_chunks_whatever_their_history() {
    let one = state(3000);
    let mut other = state(10);
    (0..3000).rev().for_each(|n| other.set(&key(n), Some(item(noise(n, 256)))));
    other.set(&key(9999), Some(item(noise(1, 1))));
    other.set(&key(9999), None);
    other.set(&key(10), Some(item(noise(10, 256))));
    other.set(&key(3000), Some(item(noise(3000, 3 * CHUNK_BYTES))));
    same(&other, &one);
    assert_eq!(packed(&one, None).0, packed(&other, None).0);
}

#[test]
fn chunks_are_as_large_as_they_may_be_and_no_larger() {
    let state = state(5000);
    let (manifest, _) = packed(&state, None);
    let items: Vec<_> = manifest.chunks.iter().filter(|chunk| matches!(chunk.kind, Kind::Items(_))).collect();
    assert!(items.iter().all(|chunk| chunk.count == 1 || chunk.raw_bytes as usize <= CHUNK_BYTES + 64));
    assert!(items.len() < 60 && items.len() > 20, "{}", items.len());
    let lists = manifest.chunks.len() - items.len();
    assert!((3..8).contains(&lists), "{lists} chunks of tokens, refusals and held entries");
}

#[test]
fn one_change_writes_one_chunk_and_is_fetched_as_one() {
    let before = state(5000);
    let (old, mut chunks) = packed(&before, None);
    let mut after = before.clone();
    after.set(&key(77), Some(item(noise(78, 256))));
    let (new, written) = packed(&after, Some(&old));
    let items = |chunks: &[sluice_pack::ChunkRef]| chunks.iter().filter(|c| matches!(c.kind, Kind::Items(_))).count();
    let (fresh, _) = packed(&after, None);
    assert_eq!(new, fresh, "what is taken over is what would be packed");
    let is_item =
        |chunk: &&sluice_pack::ChunkRef| matches!(chunk.kind, Kind::Items(_)) && written.contains_key(&chunk.digest);
    assert_eq!(new.chunks.iter().filter(is_item).count(), 1);
    chunks.extend(written);
    let loading = Loading::new(new.clone(), before.clone());
    assert_eq!(items(loading.wanted()), 1);
    same(&loaded(&new, &chunks, before).0, &after);
}

#[test]
fn changes_of_few_keys_write_few_bytes_again() {
    let mut state = State::default();
    (0..50_000).for_each(|n| state.set(&key(n), Some(item(noise(n, 256)))));
    let (old, all) = packed(&state, None);
    (0..5).for_each(|n| state.set(&key(n * 9_999), Some(item(noise(n + 60_000, 256)))));
    let (new, written) = packed(&state, Some(&old));
    let size = |chunks: &HashMap<Digest, Bytes>| chunks.values().map(Bytes::len).sum::<usize>();
    let (again, whole) = (size(&written) + new.to_bytes().len(), size(&all) + old.to_bytes().len());
    assert!(again * 100 <= whole * 5, "one key in ten thousand: {again} of {whole} bytes are written again");
    eprintln!("{again} of {whole} bytes, {} of {} chunks", written.len(), new.chunks.len());
}

#[test]
fn a_host_with_another_state_comes_to_the_same() {
    let wanted = state(2000);
    let (manifest, chunks) = packed(&wanted, None);
    let mut other = state(100);
    (0..50).for_each(|n| other.set(&key(5000 + n), Some(item(noise(n, 10)))));
    let binding = Key::parse(b"_sluice/validators/v").unwrap();
    other.set(&binding, Some(item(Bytes::from_static(b"{}"))));
    let (found, _) = loaded(&manifest, &chunks, other);
    same(&found, &wanted);
    assert!(!found.has_bindings());
}

#[test]
fn tokens_that_come_and_go_leave_most_chunks_alone() {
    let mut state = State::default();
    let remember = |state: &mut State, n: u64| {
        state.tokens.remember(Bytes::from(format!("{n:032}")), Revision { ms: n, seq: 0 });
    };
    (0..65_536).for_each(|n| remember(&mut state, n));
    let (old, _) = packed(&state, None);
    (65_536..65_636).for_each(|n| remember(&mut state, n));
    let (new, _) = packed(&state, None);
    let fresh = new.chunks.iter().filter(|chunk| !old.chunks.contains(chunk)).count();
    assert!(new.chunks.len() > 50 && fresh <= 4, "{fresh} of {} are new", new.chunks.len());
}

#[test]
fn a_chunk_that_would_swell_is_refused_before_it_does() {
    let (manifest, chunks) = packed(&state(10), None);
    let about = manifest.chunks[0];
    let bomb = zstd::bulk::compress(&vec![0; 512 << 20], 1).unwrap();
    let swelling = sluice_pack::ChunkRef { digest: Digest::of(&bomb), stored_bytes: bomb.len() as u32, ..about };
    let why = swelling.check(&bomb).unwrap_err().0;
    assert!(why.contains("does not unpack to the") && why.contains(&swelling.digest.to_string()), "{why}");
    assert_eq!(about.check(&chunks[&about.digest]), Ok(()));
}

#[test]
fn an_item_that_lies_elsewhere_or_in_another_order_is_refused() {
    let (manifest, chunks) = packed(&state(3000), None);
    let items: Vec<_> = manifest.chunks.iter().filter(|chunk| matches!(chunk.kind, Kind::Items(_))).collect();
    let (one, other) = (*items[0], *items[1]);
    let swapped = sluice_pack::ChunkRef { kind: one.kind, sum: one.sum, ..other };
    let why = swapped.check(&chunks[&other.digest]).unwrap_err().0;
    assert!(why.contains("makes no sense"), "{why}");
    let wrong = sluice_pack::ChunkRef { sum: other.sum, ..one };
    assert!(wrong.check(&chunks[&one.digest]).unwrap_err().0.contains("another Merkle digest"));
}

fn archived(state: &State) -> Vec<u8> {
    let mut file = Vec::new();
    begin_archive(&mut file).unwrap();
    let put = |chunk: Chunk| {
        file.extend_from_slice(&chunk.bytes);
        Ok::<(), ()>(())
    };
    let manifest = Packing::new("shop", state, None).each(put).unwrap();
    let component = b"\0asm component";
    file.extend_from_slice(component);
    let blob = BlobRef { digest: Digest::of(component), length: component.len() as u64 };
    end_archive(&mut file, &manifest, &[blob], None).unwrap();
    file
}

/// All that is in a file, or what is wrong with it.
fn read_archive(file: &[u8]) -> Result<(State, usize), String> {
    let mut archive = Archive::open(Cursor::new(file)).map_err(|error| error.to_string())?;
    let mut loading = Loading::new(archive.manifest.clone(), State::default());
    let mut blobs = 0;
    while let Some(stored) = archive.next_stored().map_err(|error| error.to_string())? {
        match stored {
            Stored::Chunk(about, bytes) => loading.take(about.open(&bytes).map_err(|flaw| flaw.0)?),
            Stored::Blob(..) => blobs += 1,
        }
    }
    loading.finish().map(|state| (state, blobs)).map_err(|flaw| flaw.0)
}

#[test]
fn a_file_holds_all_of_it_and_its_blobs() {
    let state = state(500);
    let (found, blobs) = read_archive(&archived(&state)).unwrap();
    same(&found, &state);
    assert_eq!(blobs, 1);
}

#[test]
fn every_byte_of_a_small_file_counts() {
    let mut small = State::default();
    fold::fold(&mut small, &entry(1, &[("put:a", "1"), ("token", "t")]), |_, _| Verdict::accept());
    fold::fold(&mut small, &entry(2, &[("odd", "1")]), |_, _| Verdict::accept());
    let file = archived(&small);
    assert!(read_archive(&file).is_ok());
    for at in 0..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(read_archive(&damaged).is_err(), "byte {at} of {}", file.len());
        assert!(read_archive(&file[..at]).is_err(), "cut at {at}");
    }
    assert!(read_archive(&[&file[..], b"x"].concat()).is_err());
}

proptest! {
    #![proptest_config(Config::with_cases(200))]
    #[test]
    fn any_damage_to_a_chunk_names_it(pick in any::<u32>(), at in any::<u32>(), bit in 0..8_u8, is_cut in any::<bool>()) {
        static PACKED: std::sync::LazyLock<(Manifest, HashMap<Digest, Bytes>)> =
            std::sync::LazyLock::new(|| packed(&state(300), None));
        let (manifest, chunks) = &*PACKED;
        let about = manifest.chunks[pick as usize % manifest.chunks.len()];
        let mut bytes = chunks[&about.digest].to_vec();
        let at = at as usize % bytes.len();
        if is_cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
        let named = about.digest.to_string();
        assert!(about.check(&bytes).unwrap_err().0.contains(&named));
        assert!(about.open(&bytes).err().unwrap().0.contains(&named));
        // And were it named for what it is, as by somebody who writes manifests: only a bit that says nothing passes.
        let renamed = sluice_pack::ChunkRef { digest: Digest::of(&bytes), stored_bytes: bytes.len() as u32, ..about };
        let raw = |stored: &[u8]| zstd::bulk::decompress(stored, about.raw_bytes as usize).ok();
        assert_eq!(renamed.check(&bytes).is_ok(), raw(&bytes) == raw(&chunks[&about.digest]));
    }
}
