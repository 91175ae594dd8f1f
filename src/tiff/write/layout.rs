//! What is written, and the sizes of its pyramid.

use super::{
    super::{GeoTags, Header, Metadata, Sample},
    Creation,
    values::Quantiser,
};

/// Overviews are made until one has at most this many columns and rows.
const SMALLEST: usize = 512;
/// Most bytes of a tile, GDAL's limit.
const MAX_TILE: usize = i32::MAX as usize;

/// What an image is, apart from its pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bands.
    pub bands: usize,
    /// Type of the values in the file.
    pub sample: Sample,
    /// Smallest and largest value to write.
    pub range: [f32; 2],
    /// The value that stands for "no data". If the type does not hold it, it is not written and a
    /// mask takes its place.
    pub nodata: Option<f64>,
    /// Georeference, written as it is.
    pub geo: GeoTags,
    /// Names of the bands, `[C]` or empty.
    pub descriptions: Vec<Option<String>>,
    /// Colours, items, RPC, time; colours `[C]` or empty.
    pub metadata: Metadata,
}

impl Layout {
    /// An image of any values of the type, without nodata, place or names.
    pub fn new([width, height]: [usize; 2], bands: usize, sample: Sample) -> Self {
        Self {
            width,
            height,
            bands,
            sample,
            range: sample.range(),
            nodata: None,
            geo: GeoTags::default(),
            descriptions: Vec::new(),
            metadata: Metadata::default(),
        }
    }

    /// The bands of one image on the grid of another: type, names, colours and items of `ms`, place,
    /// camera and time of `pan`. Nodata is that of `ms`, else that of `pan` if the type can hold it.
    pub fn fused(pan: &Header, ms: &Header) -> Self {
        let Metadata { rpc, date_time, .. } = pan.metadata.clone();
        Self {
            nodata: [ms.nodata, pan.nodata].into_iter().flatten().find(|n| ms.sample.holds(*n)),
            geo: pan.geo.clone(),
            descriptions: ms.descriptions.clone(),
            metadata: Metadata { rpc, date_time, ..ms.metadata.clone() },
            ..Self::new(pan.size(), ms.bands, ms.sample)
        }
    }

    /// Makes rows `[n, W, C]` what a file of this layout holds: rounded, within the range and off nodata where `valid`,
    /// nodata elsewhere.
    ///
    /// # Errors
    /// What is wrong with the range, if no value is left in it.
    pub fn hold(&self, rows: &mut [f32], valid: Option<&[bool]>) -> Result<(), String> {
        Quantiser::new(self)?.round(rows, valid);
        Ok(())
    }

    /// Sizes of the image and its overviews, or what makes them impossible.
    pub(super) fn pyramid(&self, creation: &Creation) -> Result<Vec<LevelSizes>, String> {
        let (w, h, c) = (self.width, self.height, self.bands);
        let size = |n: usize| (1..=i32::MAX as usize).contains(&n);
        if !size(w) || !size(h) || !(1..=u16::MAX.into()).contains(&c) {
            return Err(format!("{w}x{h} pixels in {c} bands cannot be stored"));
        }
        let pixel = c * self.sample.bytes();
        // A smaller image in one tile of its size; tiles come in multiples of 16.
        let block = [w, h].map(|side| side.next_multiple_of(16).min(creation.block_size));
        let tile = block[0] * block[1] * pixel;
        if tile > MAX_TILE {
            return Err(format!("a tile would have {tile} bytes, more than {MAX_TILE}: choose a smaller BLOCKSIZE"));
        }
        let mut levels = vec![LevelSizes { size: [w, h], block, pixel, bands: c }];
        while let Some(last) =
            levels.last().filter(|last| creation.overviews && last.size.iter().any(|s| *s > SMALLEST))
        {
            levels.push(LevelSizes { size: last.size.map(|side| side.div_ceil(2)), ..*last });
        }
        Ok(levels)
    }
}

/// Sizes of one image of the pyramid.
#[derive(Debug, Clone, Copy)]
pub(super) struct LevelSizes {
    /// Columns and rows.
    pub(super) size: [usize; 2],
    /// Columns and rows of a tile.
    pub(super) block: [usize; 2],
    /// Bytes of a pixel.
    pub(super) pixel: usize,
    pub(super) bands: usize,
}

impl LevelSizes {
    /// Bytes of a tile before compression.
    pub(super) fn tile(self) -> usize {
        self.block[0] * self.block[1] * self.pixel
    }

    /// Tiles along a row.
    pub(super) fn across(self) -> usize {
        self.size[0].div_ceil(self.block[0])
    }

    /// Bytes of the whole image before compression.
    pub(super) fn bytes(self) -> u64 {
        self.size[0] as u64 * self.size[1] as u64 * self.pixel as u64
    }
}
