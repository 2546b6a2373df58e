//! The allocator of a validator: an arena that lies in the memory's first pages.
//!
//! An instance lives for one call, so nothing need be given back. What costs is growing the memory: two
//! system calls for each instance, and a lock that all threads of the host share. A small change is
//! therefore served from pages the instance is born with. A large one grows the memory in steps, and
//! freed blocks are kept by size and used again, so that a document of megabytes fits its limit.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ptr::{NonNull, null_mut};

/// Bytes the memory begins with: enough for changes of about 16 KiB parsed as JSON.
const FIRST: usize = 96 << 10;
/// Every block begins at a multiple of this, as `v128` wants.
const ALIGN: usize = 16;
/// Block sizes: eight steps of 16 bytes, then four to each doubling up to 4 GiB.
const CLASSES: usize = 8 + 4 * 25;
/// Of a WebAssembly page.
const PAGE: usize = 64 << 10;
/// The least the memory grows by, in pages.
const GROW_MIN: usize = 4;

/// Where memory comes from once the first pages are full.
pub(crate) trait Grow {
    /// The address of `bytes` or more, and how many they are.
    fn grow(bytes: usize) -> Option<(NonNull<u8>, usize)>;
}

// All zeros to begin with, which is why `G` is a type and not a pointer: zeros take no place in the module.
pub(crate) struct Arena<G> {
    first: UnsafeCell<First>,
    state: UnsafeCell<State>,
    grow: PhantomData<G>,
}

#[repr(align(16))]
struct First([u8; FIRST]);

struct State {
    /// What is free of the current piece; both are 0 before the first allocation.
    next: usize,
    end: usize,
    /// Freed blocks of each class, each holding the address of the one before it.
    freed: [usize; CLASSES],
}

// SAFETY: a validator has one thread (the host runs no threads proposal), and tests make one arena each.
unsafe impl<G> Sync for Arena<G> {}

impl<G: Grow> Arena<G> {
    pub(crate) const fn new() -> Self {
        let state = State { next: 0, end: 0, freed: [0; CLASSES] };
        Self { first: UnsafeCell::new(First([0; FIRST])), state: UnsafeCell::new(state), grow: PhantomData }
    }

    /// A block of at least `size` bytes.
    fn take(&self, size: usize) -> *mut u8 {
        // SAFETY: one thread, and no reference to the state outlives a call.
        let state = unsafe { &mut *self.state.get() };
        let Some((class, size)) = class(size) else { return null_mut() };
        let freed = state.freed[class];
        if freed != 0 {
            // SAFETY: `give` wrote the address of the next block of this class into its first bytes.
            state.freed[class] = unsafe { *(freed as *const usize) };
            return freed as *mut u8;
        }
        if state.end == 0 {
            // SAFETY: only the address is taken, of bytes that live as long as the arena.
            state.next = unsafe { &raw const (*self.first.get()).0 } as usize;
            state.end = state.next + FIRST;
        }
        if state.end - state.next < size && !self.extend(state, size) {
            return null_mut();
        }
        let block = state.next;
        state.next += size;
        block as *mut u8
    }

    /// Makes room for `size` bytes, in one piece with what is free if the new memory follows on it.
    fn extend(&self, state: &mut State, size: usize) -> bool {
        let Some((start, length)) = G::grow(size) else { return false };
        let start = start.as_ptr() as usize;
        if start != state.end {
            state.next = start;
        }
        state.end = start + length;
        true
    }

    fn give(&self, block: *mut u8, size: usize) {
        // SAFETY: as in `take`.
        let state = unsafe { &mut *self.state.get() };
        let (class, size) = class(size).expect("a block that was taken has a class");
        if block as usize + size == state.next {
            state.next = block as usize;
            return;
        }
        // SAFETY: the block is ours, at least 16 bytes long and aligned.
        unsafe { *block.cast::<usize>() = state.freed[class] };
        state.freed[class] = block as usize;
    }

    /// Makes the newest block longer where it lies.
    fn lengthen(&self, block: *mut u8, old: usize, new: usize) -> bool {
        // SAFETY: as in `take`.
        let state = unsafe { &mut *self.state.get() };
        let (Some((_, old)), Some((_, new))) = (class(old), class(new)) else { return false };
        let newest = block as usize + old == state.next;
        let fits = newest && state.end - block as usize >= new;
        if fits {
            state.next = block as usize + new;
        }
        old == new || fits
    }
}

// SAFETY: blocks are disjoint, aligned to 16 (more by `wide`) and at least as long as asked for.
unsafe impl<G: Grow> GlobalAlloc for Arena<G> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > ALIGN { wide(self, layout) } else { self.take(layout.size()) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // A block of wide alignment does not begin where it was taken; it goes with the instance.
        if layout.align() <= ALIGN {
            self.give(block, layout.size());
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new: usize) -> *mut u8 {
        if layout.align() <= ALIGN && self.lengthen(block, layout.size(), new) {
            return block;
        }
        // SAFETY: the caller's alignment is valid and sizes beyond the address space have no class.
        let moved = unsafe { self.alloc(Layout::from_size_align_unchecked(new, layout.align())) };
        if !moved.is_null() {
            // SAFETY: both blocks are at least this long and disjoint; the old one was ours to free.
            unsafe {
                moved.copy_from_nonoverlapping(block, layout.size().min(new));
                self.dealloc(block, layout);
            }
        }
        moved
    }
}

/// A block aligned to more than 16, which nearly nobody asks for: one too long, from its first fit.
fn wide<G: Grow>(arena: &Arena<G>, layout: Layout) -> *mut u8 {
    let block = arena.take(layout.size() + layout.align());
    if block.is_null() { block } else { block.map_addr(|at| at.next_multiple_of(layout.align())) }
}

/// The class of a size and the length of its blocks.
fn class(size: usize) -> Option<(usize, usize)> {
    if size <= 128 {
        let steps = size.div_ceil(16).max(1);
        return Some((steps - 1, steps * 16));
    }
    let log = (size - 1).ilog2() as usize;
    let step = log - 2;
    let quarters = ((size - 1) >> step) + 1;
    let class = 8 + (log - 7) * 4 + (quarters - 5);
    (class < CLASSES).then(|| (class, quarters << step))
}

/// The memory of the module.
#[cfg(target_family = "wasm")]
struct Pages;

#[cfg(target_family = "wasm")]
impl Grow for Pages {
    /// Grows it by half of what it has, or by just enough if the limit is near.
    fn grow(bytes: usize) -> Option<(NonNull<u8>, usize)> {
        use core::arch::wasm32::{memory_grow, memory_size};
        let need = bytes.div_ceil(PAGE);
        let wish = need.max(GROW_MIN).max(memory_size::<0>() / 2);
        for pages in [wish, need] {
            let before = memory_grow::<0>(pages);
            if before != usize::MAX {
                return NonNull::new((before * PAGE) as *mut u8).map(|start| (start, pages * PAGE));
            }
        }
        None
    }
}

#[cfg(target_family = "wasm")]
#[global_allocator]
static ARENA: Arena<Pages> = Arena::new();

#[cfg(test)]
mod tests {
    use super::*;

    struct System;

    impl Grow for System {
        fn grow(bytes: usize) -> Option<(NonNull<u8>, usize)> {
            let length = bytes.next_multiple_of(PAGE).max(GROW_MIN * PAGE);
            let memory = vec![0u128; length / 16].leak();
            NonNull::new(memory.as_mut_ptr().cast()).map(|start| (start, length))
        }
    }

    struct Nothing;

    impl Grow for Nothing {
        fn grow(_: usize) -> Option<(NonNull<u8>, usize)> {
            None
        }
    }

    #[test]
    fn a_block_is_as_long_as_asked_and_at_most_a_quarter_longer_when_large() {
        for size in (0..5000).chain((0..19).flat_map(|n| [(8192 << n) - 1, 8192 << n, (8192 << n) + 1])) {
            let (class, length) = class(size).unwrap();
            assert!(length >= size && class < CLASSES && length % 16 == 0, "{size}: {length}");
            assert!(size < 128 || length <= size + size / 4 + 1, "{size}: {length}");
            assert_eq!(super::class(length), Some((class, length)));
        }
    }

    #[test]
    fn blocks_do_not_overlap_and_keep_what_is_in_them() {
        let arena = Box::new(Arena::<System>::new());
        let mut blocks: Vec<(*mut u8, Layout, u8)> = Vec::new();
        let mut dice = 7u32;
        for round in 0..20_000u32 {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let size = 1 + (dice >> 8) as usize % if round % 50 == 0 { 70_000 } else { 300 };
            let layout = Layout::from_size_align(size, 1 << (dice % 7)).unwrap();
            let mark = (dice >> 16) as u8;
            if dice & 0x8000 == 0 || blocks.is_empty() {
                let block = unsafe { arena.alloc(layout) };
                assert_eq!(block as usize % layout.align(), 0);
                unsafe { block.write_bytes(mark, size) };
                blocks.push((block, layout, mark));
            } else {
                let (block, was, mark) = blocks.swap_remove((dice >> 4) as usize % blocks.len());
                let held = unsafe { std::slice::from_raw_parts(block, was.size()) };
                assert!(held.iter().all(|byte| *byte == mark));
                let moved = unsafe { arena.realloc(block, was, size) };
                let held = unsafe { std::slice::from_raw_parts(moved, was.size().min(size)) };
                assert!(held.iter().all(|byte| *byte == mark));
                unsafe { arena.dealloc(moved, Layout::from_size_align(size, was.align()).unwrap()) };
            }
        }
    }

    #[test]
    fn what_was_freed_is_used_again() {
        let arena = Box::new(Arena::<Nothing>::new());
        let layout = Layout::from_size_align(1000, 8).unwrap();
        for _ in 0..10_000 {
            let blocks: Vec<_> = (0..40).map(|_| unsafe { arena.alloc(layout) }).collect();
            assert!(blocks.iter().all(|block| !block.is_null()));
            blocks.into_iter().for_each(|block| unsafe { arena.dealloc(block, layout) });
        }
    }
}
