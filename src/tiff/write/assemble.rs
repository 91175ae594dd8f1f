//! The finished file: head, then the tiles of each level, the smallest first.
//!
//! GDAL's ghost note after the header tells its readers what they can rely on: tiles in order, each
//! between its length and a copy of its last four bytes, so that one request per tile is enough and
//! a change by a program that does not know the layout is noticed.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
};

use super::{
    BigTiff, Creation, Layout, LevelSizes,
    encoder::{Encoder, deflate},
    fields::{self, TileTable},
    head::{Fields, head},
    invalid,
    spool::Spool,
};

/// Bytes that are copied at a time, at least.
const PIECE: u64 = 32 << 20;
/// Size before compression from which [`BigTiff::IfSafer`] takes wide offsets, as in GDAL.
const SAFER: u64 = 2_000_000_000;
/// Bytes before and after each tile.
const FRAME: u64 = 4;

/// GDAL's note; the last line is what a program that changes the file overwrites with YES.
fn note(masked: bool) -> String {
    let mask = if masked { "MASK_INTERLEAVED_WITH_IMAGERY=YES\n" } else { "" };
    let lines = format!(
        "LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n\
         BLOCK_TRAILER=LAST_4_BYTES_REPEATED\n{mask}KNOWN_INCOMPATIBLE_EDITION=NO\n "
    );
    format!("GDAL_STRUCTURAL_METADATA_SIZE={:06} bytes\n{lines}", lines.len())
}

/// The tiles of a level and what is written with them.
struct Tiles {
    file: File,
    lengths: Vec<u32>,
    /// The mask that follows each tile; none at all if all pixels of the image are valid.
    masks: Vec<Vec<u8>>,
}

/// Writes the whole file.
pub(super) fn assemble(
    file: &mut File,
    layout: &Layout,
    creation: &Creation,
    encoder: Encoder,
    geometries: &[LevelSizes],
    spools: Vec<Spool>,
) -> io::Result<()> {
    let masked = spools.iter().any(|spool| spool.masks.iter().any(Option::is_some));
    let [columns, rows] = geometries[0].block;
    let all_valid = deflate(&vec![0xff; columns * rows / 8], None)?;
    let level = |Spool { file, lengths, masks, .. }| {
        let masks = masks.into_iter().map(|mask| mask.unwrap_or_else(|| all_valid.clone()));
        Tiles { file, lengths, masks: if masked { masks.collect() } else { Vec::new() } }
    };
    let levels: Vec<Tiles> = spools.into_iter().map(level).collect();

    let whole = |big: bool| {
        let directories = |tables: Vec<[TileTable; 2]>| -> Vec<Fields> {
            let levels = tables.into_iter().zip(geometries).enumerate();
            let directories = levels.flat_map(|(level, ([image, mask], geometry))| {
                let mask = masked.then(|| fields::mask(*geometry, level, mask));
                [Some(fields::image(layout, encoder, *geometry, level, image)), mask]
            });
            directories.flatten().collect()
        };
        let note = note(masked);
        let length = head(&note, directories(place(&levels, 0).0), big).len();
        let (tables, end) = place(&levels, length as u64);
        (head(&note, directories(tables), big), end)
    };
    let raw: u64 = geometries.iter().map(|geometry| geometry.bytes()).sum();
    let (mut head, mut end) = whole(matches!(creation.big_tiff, BigTiff::Yes));
    let classic = end <= u32::MAX.into();
    match creation.big_tiff {
        BigTiff::No if !classic => {
            return Err(invalid(format!("the file has {end} bytes, more than 4 GiB: BIGTIFF=NO cannot be")));
        }
        BigTiff::IfNeeded if !classic => (head, end) = whole(true),
        BigTiff::IfSafer if !classic || raw > SAFER => (head, end) = whole(true),
        _ => {}
    }

    file.write_all(&head)?;
    for level in levels {
        end = level.copy(file, end)?;
    }
    debug_assert_eq!(end, head.len() as u64, "tiles fill the file from head to end");
    Ok(())
}

/// Places of all tiles and masks from `start` on, the smallest level first; and the end.
fn place(levels: &[Tiles], start: u64) -> (Vec<[TileTable; 2]>, u64) {
    let mut at = start;
    let mut next = |length: usize| {
        let place = at + FRAME;
        at = place + length as u64 + FRAME;
        place
    };
    let mut tables: Vec<[TileTable; 2]> = Vec::new();
    for level in levels.iter().rev() {
        let mut mask = TileTable { offsets: Vec::new(), lengths: level.masks.iter().map(|m| m.len() as u32).collect() };
        let mut image = TileTable { offsets: Vec::new(), lengths: level.lengths.clone() };
        for (i, length) in level.lengths.iter().enumerate() {
            image.offsets.push(next(*length as usize));
            mask.offsets.extend(level.masks.get(i).map(|mask| next(mask.len())));
        }
        tables.push([image, mask]);
    }
    tables.reverse();
    (tables, at)
}

impl Tiles {
    /// Copies the tiles to where they end at `end`, from the last one back, and cuts off the spool
    /// what is copied: the disk never holds much more than the file once. Gives the beginning.
    fn copy(mut self, file: &mut File, mut end: u64) -> io::Result<u64> {
        let mut spooled: u64 = self.lengths.iter().map(|length| u64::from(*length)).sum();
        let mut last = self.lengths.len();
        let (mut read, mut framed) = (Vec::new(), Vec::new());
        while last > 0 {
            let (mut first, mut bytes) = (last, 0);
            while first > 0 && bytes < PIECE {
                first -= 1;
                bytes += u64::from(self.lengths[first]);
            }
            spooled -= bytes;
            read.resize(bytes as usize, 0);
            self.file.seek(SeekFrom::Start(spooled))?;
            self.file.read_exact(&mut read)?;
            framed.clear();
            let mut rest = &read[..];
            for (i, length) in self.lengths[first..last].iter().enumerate() {
                let (tile, others) = rest.split_at(*length as usize);
                rest = others;
                frame(tile, &mut framed);
                self.masks.get(first + i).inspect(|mask| frame(mask, &mut framed));
            }
            end -= framed.len() as u64;
            file.seek(SeekFrom::Start(end))?;
            file.write_all(&framed)?;
            self.file.set_len(spooled)?;
            last = first;
        }
        Ok(end)
    }
}

fn frame(tile: &[u8], out: &mut Vec<u8>) {
    out.extend((tile.len() as u32).to_le_bytes());
    out.extend(tile);
    // No compression makes less than four bytes of a tile of 16 by 16.
    out.extend(&tile[tile.len() - FRAME as usize..]);
}
