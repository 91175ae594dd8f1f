//! Compression beside the calling thread, and the files in which tiles wait for their place.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use super::{
    encoder::{Encoder, deflate},
    level::FullTile,
};

/// Bytes of tiles that may wait for compression, at least.
const QUEUE: usize = 128 << 20;

/// The compressed tiles of one level, in order.
pub(super) struct Spool {
    /// One tile after the other.
    pub(super) file: File,
    /// Length of each.
    pub(super) lengths: Vec<u32>,
    /// Their masks, compressed; `None` where all pixels are valid.
    pub(super) masks: Vec<Option<Vec<u8>>>,
    /// Tiles that were ready before their turn, with the bytes they had.
    waiting: BTreeMap<usize, (TileBytes, usize)>,
}

/// A compressed tile and its mask.
type TileBytes = (Vec<u8>, Option<Vec<u8>>);

/// Compresses tiles on threads of its own and appends them to the spools in the order they came in.
pub(super) struct Compressor {
    /// Of its own: the caller may be a thread of another pool, and waits here.
    pool: rayon::ThreadPool,
    shared: Arc<Inner>,
    encoder: Encoder,
    limit: usize,
    /// Tiles given so far, by level.
    given: Vec<usize>,
}

struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    spools: Vec<Spool>,
    /// Bytes of the tiles that are not in their spool yet.
    under_way: usize,
    error: Option<io::Error>,
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while a condition holds and nothing has failed.
    fn wait(&self, hold: impl Fn(&State) -> bool) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        while state.error.is_none() && hold(&state) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        match &state.error {
            // It stays: a writer that has failed goes on failing.
            Some(error) => Err(io::Error::new(error.kind(), error.to_string())),
            None => Ok(state),
        }
    }
}

impl Compressor {
    /// One spool per file; `tile` is the size of a tile in bytes.
    pub(super) fn new(encoder: Encoder, tile: usize, threads: Option<usize>, files: Vec<File>) -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.map_or(0, |threads| threads.min(cores)))
            .thread_name(|i| format!("compress {i}"))
            .build()
            .map_err(io::Error::other)?;
        let limit = Self::limit(tile, pool.current_num_threads());
        let given = vec![0; files.len()];
        let empty = |file| Spool { file, lengths: Vec::new(), masks: Vec::new(), waiting: BTreeMap::new() };
        let state = State { spools: files.into_iter().map(empty).collect(), under_way: 0, error: None };
        let shared = Arc::new(Inner { state: Mutex::new(state), changed: Condvar::new() });
        Ok(Self { pool, shared, encoder, limit, given })
    }

    /// Most bytes of tiles under way.
    pub(super) fn limit(tile: usize, threads: usize) -> usize {
        QUEUE.max(2 * threads * tile)
    }

    /// Takes the next tile of a level; waits while too many are under way.
    ///
    /// # Errors
    /// What compressing or spooling an earlier tile met with.
    pub(super) fn take(&mut self, level: usize, tile: FullTile) -> io::Result<()> {
        let size = tile.values.len();
        self.shared.wait(|state| state.under_way > 0 && state.under_way + size > self.limit)?.under_way += size;
        let index = self.given[level];
        self.given[level] += 1;
        let (shared, encoder) = (self.shared.clone(), self.encoder);
        self.pool.spawn_fifo(move || {
            let packed = pack(encoder, tile);
            let mut state = shared.lock();
            let done = packed.and_then(|packed| {
                let spool = &mut state.spools[level];
                spool.waiting.insert(index, (packed, size));
                spool.append()
            });
            match done {
                Ok(written) => state.under_way -= written,
                Err(e) => drop(state.error.get_or_insert(e)),
            }
            shared.changed.notify_all();
        });
        Ok(())
    }

    /// Waits for the last tile.
    ///
    /// # Errors
    /// As for [`take`](Self::take).
    pub(super) fn finish(self) -> io::Result<Vec<Spool>> {
        let mut state = self.shared.wait(|state| state.under_way > 0)?;
        Ok(std::mem::take(&mut state.spools))
    }
}

fn pack(encoder: Encoder, tile: FullTile) -> io::Result<TileBytes> {
    let mask = tile.mask.map(|bits| deflate(&bits, None)).transpose()?;
    Ok((encoder.encode(tile.values)?, mask))
}

impl Spool {
    /// Writes the tiles whose turn it is; gives the bytes they had before compression.
    fn append(&mut self) -> io::Result<usize> {
        let mut written = 0;
        while let Some(((bytes, mask), size)) = self.waiting.remove(&self.lengths.len()) {
            self.file.write_all(&bytes)?;
            self.lengths.push(bytes.len() as u32);
            self.masks.push(mask);
            written += size;
        }
        Ok(written)
    }
}
