//! What a damaged file makes us allocate.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// Largest single request of each thread, what it holds, and the most that it held.
struct Watched;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn note(size: usize) {
    // A thread that is ending has no cell any more, and no test to report to.
    let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(size)));
    let _ = HELD.try_with(|held| {
        held.set(held.get() + size as isize);
        let _ = MOST.try_with(|most| most.set(most.get().max(held.get())));
    });
}

fn forget(size: usize) {
    let _ = HELD.try_with(|held| held.set(held.get() - size as isize));
}

// SAFETY: every request goes to the system allocator unchanged.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        forget(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(at, layout, size) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        forget(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

thread_local! {
    /// Where parallel parts run on the thread whose requests are watched.
    static ALONE: rayon::ThreadPool =
        rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().unwrap();
}

/// What a computation gives, and the largest piece of memory that it asked for.
pub fn largest_request<T: Send>(compute: impl FnOnce() -> T + Send) -> (T, usize) {
    ALONE.with(|pool| {
        pool.install(|| {
            LARGEST.set(0);
            (compute(), LARGEST.get())
        })
    })
}

/// What a computation gives, and the most memory that it held at once.
pub fn most_memory<T: Send>(compute: impl FnOnce() -> T + Send) -> (T, usize) {
    ALONE.with(|pool| {
        pool.install(|| {
            let before = HELD.get();
            MOST.set(before);
            (compute(), (MOST.get() - before) as usize)
        })
    })
}
