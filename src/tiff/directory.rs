//! Header and directories of a TIFF, every number checked against the length of the file.
//!
//! Errors name the tag, tags can be carried over bit by bit, and whoever decodes pixels only ever
//! sees consistent numbers.

use std::{collections::BTreeMap, path::Path};

use super::{
    error::{TiffError, translate},
    input::Input,
    tags::{self, Tag, Type},
};

/// Most directories that are looked through for a mask: a scene has about ten overviews, each with a
/// mask. It also ends a damaged chain that returns to itself.
const MAX_DIRECTORIES: usize = 128;

/// Order of the bytes of a number in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// That of this machine.
    pub(super) const NATIVE: Self = if cfg!(target_endian = "big") { Self::Big } else { Self::Little };

    /// An unsigned number of 1, 2, 4 or 8 bytes.
    fn uint(self, bytes: &[u8]) -> u64 {
        let add = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        match self {
            Self::Little => bytes.iter().rev().fold(0, add),
            Self::Big => bytes.iter().fold(0, add),
        }
    }
}

/// One entry: type, number of values, and the field that holds them or their place.
struct IfdEntry {
    /// Number of the type, which need not be one of TIFF's.
    kind: u16,
    count: u64,
    field: Vec<u8>,
}

/// One directory of a TIFF.
pub(super) struct Directory<'a> {
    pub(super) input: &'a Input,
    pub(super) order: ByteOrder,
    entries: BTreeMap<u16, IfdEntry>,
}

impl<'a> Directory<'a> {
    /// The image, which is the first directory, and its mask: the directory that says it is one
    /// (NewSubfileType is that of masks, without the bit of overviews).
    pub(super) fn image_and_mask(input: &'a Input) -> Result<(Self, Option<Self>), TiffError> {
        let head = input.read("the header", 0, input.size.min(16))?;
        let not_tiff = || not_tiff(&input.path, &head);
        let order = match head.get(..2) {
            Some(b"II") => ByteOrder::Little,
            Some(b"MM") => ByteOrder::Big,
            _ => return Err(not_tiff()),
        };
        // Bytes of an offset: 4, or 8 in a BigTIFF.
        let offset = match head.get(2..4).map(|b| order.uint(b)) {
            Some(42) => 4,
            Some(43) => 8,
            None => return Err(input.truncated("the header", 8)),
            _ => return Err(not_tiff()),
        };
        let at = if offset == 4 { 4..8 } else { 8..16 };
        let at = head.get(at.clone()).ok_or_else(|| input.truncated("the header", at.end as u64))?;
        let (image, mut next) = Self::read(input, order, offset, order.uint(at))?;
        for _ in 1..MAX_DIRECTORIES {
            if next == 0 {
                break;
            }
            let (directory, following) = Self::read(input, order, offset, next)?;
            if directory.uint(Tag::NewSubfileType)? == Some(tags::MASK.into()) {
                return Ok((image, Some(directory)));
            }
            next = following;
        }
        Ok((image, None))
    }

    /// The directory at a place, and the place of the next one (0: none).
    fn read(input: &'a Input, order: ByteOrder, offset: usize, at: u64) -> Result<(Self, u64), TiffError> {
        let what = "the directory";
        let width = if offset == 4 { 2 } else { 8 };
        let count = order.uint(&input.read(what, at, width)?);
        let length = 4 + 2 * offset;
        let at = at + width;
        let bytes = input.read(what, at, count.saturating_mul(length as u64))?;
        let next = order.uint(&input.read(what, at + bytes.len() as u64, offset as u64)?);
        let mut entries = BTreeMap::new();
        for e in bytes.chunks_exact(length) {
            let (tag, kind) = (order.uint(&e[..2]), order.uint(&e[2..4]));
            let entry =
                IfdEntry { kind: kind as u16, count: order.uint(&e[4..4 + offset]), field: e[4 + offset..].to_vec() };
            entries.entry(tag as u16).or_insert(entry);
        }
        Ok((Self { input, order, entries }, next))
    }

    /// Type of a tag's values and their bytes, `None` if the tag is absent.
    fn values(&self, tag: Tag) -> Result<Option<(Type, Vec<u8>)>, TiffError> {
        let tag = tag.to_u16();
        let Some(IfdEntry { kind, count, field }) = self.entries.get(&tag) else { return Ok(None) };
        let Some((kind, width)) = Type::from_u16(*kind).and_then(|kind| Some((kind, tags::width(kind)?))) else {
            return Err(self.damaged(format!("tag {tag} has the unknown type {kind}")));
        };
        let length = count.saturating_mul(width as u64);
        let bytes = match field.get(..length.min(usize::MAX as u64) as usize) {
            Some(inline) => inline.to_vec(),
            None => {
                let at = self.order.uint(field);
                self.input.read(&format!("tag {tag}"), at, length)?
            }
        };
        Ok(Some((kind, bytes)))
    }

    /// Unsigned integers of a tag.
    pub(super) fn uints(&self, tag: Tag) -> Result<Option<Vec<u64>>, TiffError> {
        let order = self.order;
        match self.values(tag)? {
            None => Ok(None),
            Some((kind @ (Type::BYTE | Type::SHORT | Type::LONG | Type::IFD | Type::LONG8 | Type::IFD8), bytes)) => {
                Ok(Some(bytes.chunks_exact(tags::width(kind).unwrap_or(1)).map(|b| order.uint(b)).collect()))
            }
            Some((kind, _)) => Err(self.of_another_type(tag, kind, "unsigned integers")),
        }
    }

    /// The only value of a tag, or the first where all are equal (TIFF repeats some per band).
    pub(super) fn uint(&self, tag: Tag) -> Result<Option<u64>, TiffError> {
        match self.uints(tag)?.as_deref() {
            None => Ok(None),
            Some([first, rest @ ..]) if rest.iter().all(|v| v == first) => Ok(Some(*first)),
            Some([]) => Err(self.damaged(format!("tag {} is empty", tag.to_u16()))),
            Some(values) => {
                let fix = translate("-ot UInt16", &self.input.path);
                let what = format!("tag {} with different values per band ({values:?})", tag.to_u16());
                Err(TiffError::Unsupported { path: self.input.path.clone(), what, fix })
            }
        }
    }

    /// The value of a tag that must be there.
    pub(super) fn need(&self, tag: Tag, name: &str) -> Result<u64, TiffError> {
        self.uint(tag)?.ok_or_else(|| self.damaged(format!("tag {} ({name}) is missing", tag.to_u16())))
    }

    /// Floating-point values of a tag; empty if absent.
    pub(super) fn doubles(&self, tag: Tag) -> Result<Vec<f64>, TiffError> {
        let order = self.order;
        match self.values(tag)? {
            None => Ok(Vec::new()),
            Some((Type::FLOAT, b)) => {
                Ok(b.chunks_exact(4).map(|b| f32::from_bits(order.uint(b) as u32).into()).collect())
            }
            Some((Type::DOUBLE, b)) => Ok(b.chunks_exact(8).map(|b| f64::from_bits(order.uint(b))).collect()),
            Some((kind, _)) => Err(self.of_another_type(tag, kind, "floating point")),
        }
    }

    /// Text of a tag as stored, without its closing zero; empty if absent.
    pub(super) fn text(&self, tag: Tag) -> Result<Vec<u8>, TiffError> {
        match self.values(tag)? {
            None => Ok(Vec::new()),
            Some((Type::BYTE | Type::ASCII | Type::UNDEFINED, mut bytes)) => {
                if bytes.last() == Some(&0) {
                    bytes.pop();
                }
                Ok(bytes)
            }
            Some((kind, _)) => Err(self.of_another_type(tag, kind, "text")),
        }
    }

    /// The bytes of a tag, whatever they mean; empty if absent.
    pub(super) fn bytes(&self, tag: Tag) -> Result<Vec<u8>, TiffError> {
        Ok(self.values(tag)?.map(|(_, bytes)| bytes).unwrap_or_default())
    }

    pub(super) fn has(&self, tag: Tag) -> bool {
        self.entries.contains_key(&tag.to_u16())
    }

    fn of_another_type(&self, tag: Tag, found: Type, wanted: &str) -> TiffError {
        self.damaged(format!("tag {} has type {}, not {wanted}", tag.to_u16(), found.to_u16()))
    }

    pub(super) fn damaged(&self, what: String) -> TiffError {
        self.input.damaged(what)
    }
}

/// Names what a file is instead, by the first bytes of the formats scenes come in.
fn not_tiff(path: &Path, head: &[u8]) -> TiffError {
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
    TiffError::NotTiff { path: path.to_owned(), found, fix: translate("", path) }
}
