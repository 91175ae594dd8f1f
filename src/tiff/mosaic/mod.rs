//! Images whose parts lie in files of their own: tiles side by side, and lists of such files (VRT, DIMAP).

mod dimap;
mod list;
mod tiles;
mod vrt;

use super::{Block, Header, Source, TiffError, Window, read::validity};
pub(super) use list::{Nest, open};

/// Largest distance of a part from the grid of the whole, in pixels: coordinates have few digits in some products.
const MAX_OFF: f64 = 0.1;

/// Bands of a file and where they lie in the whole.
pub(super) struct MosaicPart {
    pub(super) source: Source,
    /// Column and row of the file that come first.
    from: [usize; 2],
    place: Window,
    /// Band of the whole that each band of the file is.
    bands: Vec<usize>,
    /// Value of each band of the file where what lies beneath is seen.
    holes: Vec<Option<f32>>,
    /// Whether that is also seen through pixels without data.
    is_open: bool,
}

impl MosaicPart {
    /// A whole file at a place, its bands from `first` on.
    fn new(source: Source, [x, y]: [usize; 2], first: usize) -> Self {
        let Header { width, height, bands, .. } = *source.header();
        let place = Window { x, y, width, height };
        let (bands, holes) = ((first..first + bands).collect(), vec![None; bands]);
        Self { source, from: [0; 2], place, bands, holes, is_open: false }
    }

    /// The same for bands that begin at `first`.
    pub(super) fn moved(mut self, first: usize) -> Self {
        self.bands.iter_mut().for_each(|band| *band += first);
        self
    }

    /// Keeps some bands of the whole, in this order; whether there is one among them.
    pub(super) fn select(&mut self, chosen: &[usize]) -> bool {
        let place = |(own, band): (usize, &usize)| Some((own, chosen.iter().position(|kept| kept == band)?));
        let kept: Vec<(usize, usize)> = self.bands.iter().enumerate().filter_map(place).collect();
        self.source.select(&kept.iter().map(|(own, _)| *own).collect::<Vec<_>>());
        self.holes = kept.iter().map(|(own, _)| self.holes[*own]).collect();
        self.bands = kept.iter().map(|(_, band)| *band).collect();
        !kept.is_empty()
    }

    /// Lays its part of a window over values `[h, w, C]`, of which it says whether they are known.
    fn lay(&self, window: Window, data: &mut [f32], known: &mut [bool], bands: usize) -> Result<(), TiffError> {
        let place = self.place;
        let (left, top) = (window.x.max(place.x), window.y.max(place.y));
        let right = (window.x + window.width).min(place.x + place.width);
        let bottom = (window.y + window.height).min(place.y + place.height);
        if left >= right || top >= bottom {
            self.source.forget();
            return Ok(());
        }
        let (width, height) = (right - left, bottom - top);
        let [x, y] = [self.from[0] + left - place.x, self.from[1] + top - place.y];
        let block = self.source.read(Window { x, y, width, height })?;
        for (pixel, values) in block.data.chunks_exact(self.bands.len()).enumerate() {
            let valid = block.valid.as_ref().is_none_or(|valid| valid[pixel]);
            if !valid && self.is_open {
                continue;
            }
            let (row, column) = (top - window.y + pixel / width, left - window.x + pixel % width);
            let first = (row * window.width + column) * bands;
            for ((value, band), hole) in values.iter().zip(&self.bands).zip(&self.holes) {
                if !(valid && Some(*value) == *hole) {
                    (data[first + band], known[first + band]) = (*value, valid);
                }
            }
        }
        Ok(())
    }
}

impl Source {
    /// The whole of tiles of one make, each at a place, of which that at the first corner says what it is.
    fn tiled(tiles: Vec<Self>, places: Vec<[usize; 2]>, corner: usize, [width, height]: [usize; 2]) -> Self {
        let mut header = Header { width, height, ..tiles[corner].header().clone() };
        let others = tiles.iter().enumerate().filter(|(i, _)| *i != corner);
        for (_, tile) in others {
            let other = tile.header();
            header.others.extend(other.files().cloned());
            header.beside.extend(other.beside.iter().cloned());
            header.notes.extend(other.notes.iter().cloned());
        }
        let sheets = tiles.into_iter().zip(places).map(|(tile, place)| MosaicPart::new(tile, place, 0)).collect();
        // Each tile knows its own value of no data.
        let nodata = vec![None; header.bands];
        Self::of_sheets(header, sheets, nodata)
    }

    /// The same with its parts as sheets, to which those of others can be added.
    pub(super) fn in_sheets(self) -> Self {
        if self.is_in_sheets() {
            return self;
        }
        let header = self.header().clone();
        let nodata = vec![None; header.bands];
        Self::of_sheets(header, vec![MosaicPart::new(self, [0; 2], 0)], nodata)
    }
}

/// Reads a window of sheets, the later ones over the earlier, into zeros `[h, w, C]`.
pub(super) fn read(
    sheets: &[MosaicPart],
    window: Window,
    mut data: Vec<f32>,
    nodata: &[Option<f32>],
) -> Result<Block, TiffError> {
    let bands = nodata.len();
    // What no sheet covers is not known.
    let mut known = vec![false; data.len()];
    sheets.iter().try_for_each(|sheet| sheet.lay(window, &mut data, &mut known, bands))?;
    let mut valid = validity(&mut data, bands, bands, nodata).unwrap_or_else(|| vec![true; known.len() / bands]);
    valid.iter_mut().zip(known.chunks_exact(bands)).for_each(|(valid, known)| *valid &= !known.contains(&false));
    let valid = valid.contains(&false).then_some(valid);
    Ok(Block { data, valid })
}
