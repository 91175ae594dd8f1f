//! Tiles without a list, or with one that is not asked: put side by side by their georeference.

use std::path::Path;

use crate::remedy::{Note, Remedy};

use super::MAX_OFF;
use crate::tiff::{Affine, Header, Source, TiffError};

/// Most pixels of the whole per pixel of a tile: more is a wrong place.
const MAX_GAPS: usize = 4;

/// What to do about tiles that make no image.
fn look(why: &str) -> Note {
    let files = Remedy::NameFiles;
    Note::with(format!("{why}look at their georeference, and name the files of one tile {files}"), Some(files))
}

impl Source {
    /// Opens files that lie side by side on one grid. What none of them covers has no data. The lists that
    /// come with such files are not asked: they have been seen to contradict the files.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); [`TiffError::Stack`] if the files are no tiles of one image, and
    /// [`TiffError::Tiles`] if their places are absurd.
    pub(crate) fn mosaic<P: AsRef<Path>>(paths: &[P]) -> Result<Self, TiffError> {
        let mut sources = paths.iter().map(|path| Self::open(&[path])).collect::<Result<Vec<_>, _>>()?;
        let Some(first) = sources.first().map(|source| source.header().clone()) else {
            return Err(TiffError::Missing { path: "(no file given)".into() });
        };
        if sources.len() == 1 {
            return Ok(sources.remove(0));
        }
        let misfit = |header: &Header, what: String| TiffError::Stack {
            path: header.path.clone(),
            first: first.path.clone(),
            what,
            fix: Box::new(look("tiles of one image have one grid: ")),
        };
        let affine = |header: &Header| {
            header.geo.affine().ok_or_else(|| misfit(header, "no georeference that says where the tile lies".into()))
        };
        let grid = affine(&first)?;
        let mut corners = Vec::new();
        for source in &sources {
            let header = source.header();
            if (header.sample, header.bands) != (first.sample, first.bands) {
                let what = format!(
                    "{} bands of type {}, not {} of {}",
                    header.bands, header.sample, first.bands, first.sample
                );
                return Err(misfit(header, what));
            }
            let place = corner(&grid, &affine(header)?, header.size());
            corners.push(place.ok_or_else(|| misfit(header, "pixels off the grid, not on it".into()))?);
        }
        let [left, top] = [0, 1].map(|axis| corners.iter().map(|corner| corner[axis]).min().unwrap_or(0));
        let places: Vec<[usize; 2]> = corners.iter().map(|[x, y]| [(x - left) as usize, (y - top) as usize]).collect();
        let end = |axis: usize| {
            let ends = places.iter().zip(&sources).map(|(place, source)| place[axis] + source.header().size()[axis]);
            ends.max().unwrap_or(0)
        };
        let (width, height) = (end(0), end(1));
        let known: usize = sources.iter().map(|source| source.header().width * source.header().height).sum();
        let corner = places.iter().position(|place| *place == [0; 2]);
        let Some(corner) = corner.filter(|_| width.saturating_mul(height) / MAX_GAPS <= known) else {
            let what = format!("its tiles leave most of {width}x{height} pixels empty, or the first corner");
            return Err(TiffError::Tiles { path: first.path, what, fix: look("") });
        };
        Ok(Self::tiled(sources, places, corner, [width, height]))
    }
}

/// Column and row of a tile's first pixel on the grid; `None` if its pixels are not those of the grid.
fn corner(grid: &Affine, tile: &Affine, [width, height]: [usize; 2]) -> Option<[i64; 2]> {
    let place = |column, row| {
        let [x, y] = tile.at(column, row);
        grid.find([x, y])
    };
    let [x, y] = place(0.0, 0.0);
    let far = place(width as f64, height as f64);
    let near = |a: f64, b: f64| (a - b).abs() <= MAX_OFF;
    let whole = near(x, x.round()) && near(y, y.round()) && x.abs().max(y.abs()) < f64::from(i32::MAX);
    (whole && near(far[0], x + width as f64) && near(far[1], y + height as f64))
        .then(|| [x.round() as i64, y.round() as i64])
}
