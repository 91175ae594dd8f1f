//! The head of the file: header, directories and their values, all before the first tile.

use super::super::tags::{Tag, Type};

/// Values of a tag.
pub(super) enum FieldValues {
    Short(Vec<u16>),
    Long(Vec<u32>),
    Double(Vec<f64>),
    /// Closed by a zero.
    Text(Vec<u8>),
    /// Places in the file: 4 bytes each, 8 in a BigTIFF.
    Offsets(Vec<u64>),
}

/// The fields of a directory: tags and their values.
pub(super) type Fields = Vec<(Tag, FieldValues)>;

impl FieldValues {
    /// The type, the number of values, and their bytes.
    fn stored(&self, big: bool) -> (Type, usize, Vec<u8>) {
        match self {
            Self::Short(v) => (Type::SHORT, v.len(), v.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Self::Long(v) => (Type::LONG, v.len(), v.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Self::Double(v) => (Type::DOUBLE, v.len(), v.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Self::Text(v) => (Type::ASCII, v.len() + 1, [v, &[0][..]].concat()),
            Self::Offsets(v) if big => (Type::LONG8, v.len(), v.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Self::Offsets(v) => (Type::LONG, v.len(), v.iter().flat_map(|v| (*v as u32).to_le_bytes()).collect()),
        }
    }
}

/// The head: header, `note`, then each directory with its values but for the tables of tiles, which
/// come last, so that one short read gives a reader all it needs to choose a level.
///
/// Its length does not depend on the values of the offsets.
pub(super) fn head(note: &str, directories: Vec<Fields>, big: bool) -> Vec<u8> {
    let mut head = Vec::new();
    head.extend(b"II");
    head.extend(if big { [43, 0, 8, 0, 0, 0] } else { [42, 0, 0, 0, 0, 0] });
    // Bytes of a place in the file, and of a directory's count.
    let (place, count) = if big { (8, 8) } else { (4, 2) };
    let put = |head: &mut Vec<u8>, at: usize, value: u64, bytes: usize| {
        head[at..at + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
    };
    let even = |head: &mut Vec<u8>| head.resize(head.len().next_multiple_of(if big { 8 } else { 2 }), 0);
    // Where the place of the next directory goes.
    let mut next = if big { 8 } else { 4 };
    head.resize(2 * place, 0);
    head.extend(note.as_bytes());
    let mut tables = Vec::new();
    for mut directory in directories {
        directory.sort_by_key(|(tag, _)| tag.to_u16());
        even(&mut head);
        let start = head.len();
        put(&mut head, next, start as u64, place);
        let entry = 4 + 2 * place;
        next = start + count + directory.len() * entry;
        head.resize(next + place, 0);
        put(&mut head, start, directory.len() as u64, count);
        for (i, (tag, values)) in directory.iter().enumerate() {
            let at = start + count + i * entry;
            let (kind, length, bytes) = values.stored(big);
            put(&mut head, at, tag.to_u16().into(), 2);
            put(&mut head, at + 2, kind.to_u16().into(), 2);
            put(&mut head, at + 4, length as u64, place);
            let field = at + 4 + place;
            if bytes.len() <= place {
                head[field..field + bytes.len()].copy_from_slice(&bytes);
            } else if matches!(tag, Tag::TileOffsets | Tag::TileByteCounts) {
                tables.push((field, bytes));
            } else {
                even(&mut head);
                let at = head.len() as u64;
                put(&mut head, field, at, place);
                head.extend(bytes);
            }
        }
    }
    for (field, bytes) in tables {
        even(&mut head);
        let at = head.len() as u64;
        put(&mut head, field, at, place);
        head.extend(bytes);
    }
    head
}
