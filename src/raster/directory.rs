//! Header and first directory of a TIFF, every number checked against the length of the file.
//!
//! The `tiff` crate decodes the pixels, but it reads tags before it lets us look at them, drops
//! bands that a photometric tag calls extra and trusts sizes that a damaged file states. Reading the
//! directory ourselves gives errors that name the tag, tags carried over bit by bit, and a decoder
//! that only ever sees consistent numbers (`chunk.rs`).

use std::{
    collections::BTreeMap,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use super::error::{RasterError, translate};

/// Order of the bytes of a number in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    /// An unsigned number of 1, 2, 4 or 8 bytes.
    fn uint(self, bytes: &[u8]) -> u64 {
        let add = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        match self {
            Self::Little => bytes.iter().rev().fold(0, add),
            Self::Big => bytes.iter().fold(0, add),
        }
    }

    /// The lowest `N` bytes of a number.
    pub(super) fn bytes<const N: usize>(self, value: u64) -> [u8; N] {
        std::array::from_fn(|i| match self {
            Self::Little => (value >> (8 * i)) as u8,
            Self::Big => (value >> (8 * (N - 1 - i))) as u8,
        })
    }
}

/// One entry: type, number of values, and the field that holds them or their place.
struct Entry {
    kind: u16,
    count: u64,
    field: Vec<u8>,
}

/// The first directory of a TIFF and the file it came from.
pub(super) struct Directory<'a, R> {
    file: R,
    pub(super) path: &'a Path,
    pub(super) size: u64,
    pub(super) order: Order,
    entries: BTreeMap<u16, Entry>,
}

impl<'a, R: Read + Seek> Directory<'a, R> {
    /// Reads header and first directory.
    pub(super) fn read(mut file: R, path: &'a Path) -> Result<Self, RasterError> {
        let size = file.seek(SeekFrom::End(0)).map_err(|e| RasterError::reading(path, e))?;
        let mut head = Vec::new();
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.by_ref().take(16).read_to_end(&mut head))
            .map_err(|e| RasterError::reading(path, e))?;
        let not_tiff = || not_tiff(path, &head);
        let order = match head.get(..2) {
            Some(b"II") => Order::Little,
            Some(b"MM") => Order::Big,
            _ => return Err(not_tiff()),
        };
        // Bytes of an offset: 4, or 8 in a BigTIFF.
        let offset = match head.get(2..4).map(|b| order.uint(b)) {
            Some(42) => 4,
            Some(43) => 8,
            None => return Err(truncated(path, "the header", 8, size)),
            _ => return Err(not_tiff()),
        };
        let at = if offset == 4 { 4..8 } else { 8..16 };
        let at = head.get(at.clone()).ok_or_else(|| truncated(path, "the header", at.end as u64, size))?;
        let at = order.uint(at);
        let mut tiff = Self { file, path, size, order, entries: BTreeMap::new() };
        let width = if offset == 4 { 2 } else { 8 };
        let count = order.uint(&tiff.bytes("the directory", at, width)?);
        let length = 4 + 2 * offset;
        let entries = tiff.bytes("the directory", at + width, count.saturating_mul(length as u64))?;
        for e in entries.chunks_exact(length) {
            let (tag, kind) = (order.uint(&e[..2]), order.uint(&e[2..4]));
            let entry =
                Entry { kind: kind as u16, count: order.uint(&e[4..4 + offset]), field: e[4 + offset..].to_vec() };
            tiff.entries.entry(tag as u16).or_insert(entry);
        }
        Ok(tiff)
    }

    /// Bytes of the file; allocates no more than the file holds.
    pub(super) fn bytes(&mut self, what: &str, at: u64, length: u64) -> Result<Vec<u8>, RasterError> {
        let end = at.saturating_add(length);
        if end > self.size {
            return Err(truncated(self.path, what, end, self.size));
        }
        let mut bytes = vec![0; length as usize];
        let read = self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(|e| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => truncated(self.path, what, end, self.size),
            _ => RasterError::reading(self.path, e),
        })?;
        Ok(bytes)
    }

    /// Type of a tag's values and their bytes, `None` if the tag is absent.
    fn values(&mut self, tag: u16) -> Result<Option<(u16, Vec<u8>)>, RasterError> {
        let Some(Entry { kind, count, field }) = self.entries.get(&tag) else { return Ok(None) };
        let Some(width) = width(*kind) else {
            return Err(self.damaged(format!("tag {tag} has the unknown type {kind}")));
        };
        let (kind, length) = (*kind, count.saturating_mul(width as u64));
        let bytes = match field.get(..length.min(usize::MAX as u64) as usize) {
            Some(inline) => inline.to_vec(),
            None => {
                let at = self.order.uint(field);
                self.bytes(&format!("tag {tag}"), at, length)?
            }
        };
        Ok(Some((kind, bytes)))
    }

    /// Unsigned integers of a tag.
    pub(super) fn uints(&mut self, tag: u16) -> Result<Option<Vec<u64>>, RasterError> {
        let order = self.order;
        match self.values(tag)? {
            None => Ok(None),
            Some((kind @ (1 | 3 | 4 | 13 | 16 | 18), bytes)) => {
                Ok(Some(bytes.chunks_exact(width(kind).unwrap_or(1)).map(|b| order.uint(b)).collect()))
            }
            Some((kind, _)) => Err(self.damaged(format!("tag {tag} has type {kind}, not unsigned integers"))),
        }
    }

    /// The only value of a tag, or the first where all are equal (TIFF repeats some per band).
    pub(super) fn uint(&mut self, tag: u16) -> Result<Option<u64>, RasterError> {
        match self.uints(tag)?.as_deref() {
            None => Ok(None),
            Some([first, rest @ ..]) if rest.iter().all(|v| v == first) => Ok(Some(*first)),
            Some([]) => Err(self.damaged(format!("tag {tag} is empty"))),
            Some(values) => {
                let fix = translate("-ot UInt16", self.path);
                let what = format!("tag {tag} with different values per band ({values:?})");
                Err(RasterError::Unsupported { path: self.path.to_owned(), what, fix })
            }
        }
    }

    /// The value of a tag that must be there.
    pub(super) fn need(&mut self, tag: u16, name: &str) -> Result<u64, RasterError> {
        self.uint(tag)?.ok_or_else(|| self.damaged(format!("tag {tag} ({name}) is missing")))
    }

    /// Floating-point values of a tag; empty if absent.
    pub(super) fn doubles(&mut self, tag: u16) -> Result<Vec<f64>, RasterError> {
        let order = self.order;
        match self.values(tag)? {
            None => Ok(Vec::new()),
            Some((11, b)) => Ok(b.chunks_exact(4).map(|b| f32::from_bits(order.uint(b) as u32).into()).collect()),
            Some((12, b)) => Ok(b.chunks_exact(8).map(|b| f64::from_bits(order.uint(b))).collect()),
            Some((kind, _)) => Err(self.damaged(format!("tag {tag} has type {kind}, not floating point"))),
        }
    }

    /// Text of a tag as stored, without its closing zero; empty if absent.
    pub(super) fn text(&mut self, tag: u16) -> Result<Vec<u8>, RasterError> {
        match self.values(tag)? {
            None => Ok(Vec::new()),
            Some((1 | 2 | 7, mut bytes)) => {
                if bytes.last() == Some(&0) {
                    bytes.pop();
                }
                Ok(bytes)
            }
            Some((kind, _)) => Err(self.damaged(format!("tag {tag} has type {kind}, not text"))),
        }
    }

    pub(super) fn has(&self, tag: u16) -> bool {
        self.entries.contains_key(&tag)
    }

    pub(super) fn damaged(&self, what: String) -> RasterError {
        RasterError::Damaged { path: self.path.to_owned(), what }
    }
}

/// Bytes of one value of a TIFF type.
fn width(kind: u16) -> Option<usize> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16 | 17 | 18 => Some(8),
        _ => None,
    }
}

fn truncated(path: &Path, what: &str, needed: u64, size: u64) -> RasterError {
    RasterError::Truncated { path: path.to_owned(), what: what.to_owned(), needed, size }
}

/// Names what a file is instead, by the first bytes of the formats scenes come in.
fn not_tiff(path: &Path, head: &[u8]) -> RasterError {
    let known: [(&[u8], &str); 9] = [
        (b"\0\0\0\x0cjP", "JPEG 2000"),
        (b"\xff\x4f\xff\x51", "JPEG 2000"),
        (b"\x89PNG", "PNG"),
        (b"\xff\xd8\xff", "JPEG"),
        (b"\x89HDF", "HDF5"),
        (b"CDF", "NetCDF"),
        (b"NITF", "NITF"),
        (b"PK", "a ZIP archive"),
        (b"<", "XML or HTML text"),
    ];
    let found = match known.iter().find(|(magic, _)| head.starts_with(magic)) {
        Some((_, name)) => (*name).to_owned(),
        None if head.is_empty() => "empty".to_owned(),
        None => format!("something that begins with {:?}", String::from_utf8_lossy(&head[..head.len().min(4)])),
    };
    RasterError::NotTiff { path: path.to_owned(), found, fix: translate("", path) }
}
