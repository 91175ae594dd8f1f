//! Tiles without a list, or with one that is not asked: put side by side by their georeference.

use std::path::Path;

use crate::remedy::{Note, Remedy};

use super::MAX_OFF;
use crate::tiff::{Affine, Header, Source, TiffError, Window};

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
        let mut sources = open_all(paths)?;
        if sources.len() == 1 {
            return Ok(sources.remove(0));
        }
        let fix = look("tiles of one image have one grid: ");
        check_bands(&sources, &fix)?;
        let places = places(&sources, &fix)?;
        let [width, height] = extent(&places);
        let known: usize = places.iter().map(|w| w.width * w.height).sum();
        let corner = places.iter().position(|w| [w.x, w.y] == [0; 2]);
        let Some(corner) = corner.filter(|_| width.saturating_mul(height) / MAX_GAPS <= known) else {
            let what = format!("its tiles leave most of {width}x{height} pixels empty, or the first corner");
            return Err(TiffError::Tiles { path: sources[0].header().path.clone(), what, fix: look("") });
        };
        Ok(Self::tiled(sources, places.iter().map(|w| [w.x, w.y]).collect(), corner, [width, height]))
    }

    /// Opens windows of one image, each in a file of its own, as that image: they leave no gap and do not overlap.
    /// Where none has a georeference they lie below each other in the order given.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); [`TiffError::Stack`] if the files have no grid in common, and
    /// [`TiffError::Tiles`] if they do not make a whole image.
    pub fn joined<P: AsRef<Path>>(paths: &[P]) -> Result<Self, TiffError> {
        let sources = open_all(paths)?;
        let fix = Note::from("give all window results of one scene, each once");
        check_bands(&sources, &fix)?;
        let placed = sources.iter().any(|source| source.header().geo.affine().is_some());
        let places = if placed { places(&sources, &fix)? } else { below(&sources) };
        let [width, height] = extent(&places);
        let known: usize = places.iter().map(|w| w.width * w.height).sum();
        let apart = places.iter().enumerate().all(|(i, place)| places[..i].iter().all(|other| !place.meets(*other)));
        let corner = places.iter().position(|w| [w.x, w.y] == [0; 2]);
        let Some(corner) = corner.filter(|_| apart && Some(known) == width.checked_mul(height)) else {
            let how = if apart { "leave gaps" } else { "overlap" };
            let what = format!("the {} windows {how} in {width}x{height} pixels", places.len());
            return Err(TiffError::Tiles { path: sources[0].header().path.clone(), what, fix });
        };
        Ok(Self::tiled(sources, places.iter().map(|w| [w.x, w.y]).collect(), corner, [width, height]))
    }
}

/// Opens files, one at least.
fn open_all<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<Source>, TiffError> {
    if paths.is_empty() {
        return Err(TiffError::Missing { path: "(no file given)".into() });
    }
    paths.iter().map(|path| Source::open(&[path])).collect()
}

/// Width and height of all places together.
fn extent(places: &[Window]) -> [usize; 2] {
    let end = |axis: fn(&Window) -> usize| places.iter().map(axis).max().unwrap_or(0);
    [end(|w| w.x + w.width), end(|w| w.y + w.height)]
}

/// Places of sources below each other.
fn below(sources: &[Source]) -> Vec<Window> {
    let place = |y: &mut usize, source: &Source| {
        let [width, height] = source.header().size();
        let place = Window { x: 0, y: *y, width, height };
        *y += height;
        Some(place)
    };
    sources.iter().scan(0, place).collect()
}

/// A file that does not go with the first.
fn misfit(header: &Header, sources: &[Source], what: String, fix: &Note) -> TiffError {
    let (path, first) = (header.path.clone(), sources[0].header().path.clone());
    TiffError::Stack { path, first, what, fix: Box::new(fix.clone()) }
}

/// Whether sources have bands of one kind.
fn check_bands(sources: &[Source], fix: &Note) -> Result<(), TiffError> {
    let first = sources[0].header();
    let other = |header: &&Header| (header.sample, header.bands) != (first.sample, first.bands);
    let Some(header) = sources.iter().map(Source::header).find(other) else { return Ok(()) };
    let what = format!("{} bands of type {}, not {} of {}", header.bands, header.sample, first.bands, first.sample);
    Err(misfit(header, sources, what, fix))
}

/// Where sources lie on the grid of the first, from the first corner of all.
fn places(sources: &[Source], fix: &Note) -> Result<Vec<Window>, TiffError> {
    let misfit = |header: &Header, what: &str| misfit(header, sources, what.into(), fix);
    let affine = |header: &Header| {
        header.geo.affine().ok_or_else(|| misfit(header, "no georeference that says where the tile lies"))
    };
    let grid = affine(sources[0].header())?;
    let mut corners = Vec::new();
    for header in sources.iter().map(Source::header) {
        let place = corner(&grid, &affine(header)?, header.size());
        corners.push(place.ok_or_else(|| misfit(header, "pixels off the grid, not on it"))?);
    }
    let [left, top] = [0, 1].map(|axis| corners.iter().map(|corner| corner[axis]).min().unwrap_or(0));
    let place = |(source, [x, y]): (&Source, &[i64; 2])| {
        let [width, height] = source.header().size();
        Window { x: (x - left) as usize, y: (y - top) as usize, width, height }
    };
    Ok(sources.iter().zip(&corners).map(place).collect())
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
