//! The bands of a source: those of several files, and the choice of some.

use super::{FileLayer, Source};
use crate::tiff::{
    Header, crs_differ,
    error::{TiffError, onto_grid},
    geo::SAME,
    metadata,
};

/// The name of the mean of all bands.
pub const MEAN: &str = "mean";

impl Source {
    /// Images whose bands follow each other.
    pub(in crate::tiff) fn stacked(mut images: Vec<Self>) -> Result<Self, TiffError> {
        if images.iter().any(Self::is_in_sheets) && images.len() > 1 {
            images = images.into_iter().map(Self::in_sheets).collect();
        }
        let mut images = images.into_iter();
        let Some(mut source) = images.next() else {
            return Err(TiffError::Missing { path: "(no file given)".into() });
        };
        images.try_for_each(|image| source.add(image))?;
        Ok(source)
    }

    /// Appends the bands of another source.
    fn add(&mut self, other: Self) -> Result<(), TiffError> {
        let (header, new) = (&mut self.header, other.header);
        let what = if new.size() != header.size() {
            let [[a, b], [c, d]] = [new.size(), header.size()];
            Some(format!("{a}x{b} pixels, not {c}x{d}"))
        } else if new.sample != header.sample {
            Some(format!("values of type {}, not {}", new.sample, header.sample))
        } else {
            match (header.geo.affine(), new.geo.affine()) {
                (None, None) => None,
                (Some(first), Some(other)) => {
                    let off = first.apart(&other, header.size());
                    let moved = || format!("another georeference, by which its pixels lie up to {off:.3} pixels off,");
                    (off > SAME)
                        .then(moved)
                        .or((crs_differ(&header.geo, &new.geo)).then(|| "another coordinate system".into()))
                }
                (Some(_), None) => Some("no georeference".into()),
                (None, Some(_)) => Some("a georeference".into()),
            }
        };
        if let Some(what) = what {
            let fix = onto_grid(header, &new);
            return Err(TiffError::Stack { path: new.path, first: header.path.clone(), what, fix });
        }
        let bands = header.bands;
        header.others.push(new.path);
        header.beside.extend(new.beside);
        header.notes.extend(new.notes);
        header.bands += new.bands;
        header.bits = header.bits.max(new.bits);
        header.nodata = header.nodata.or(new.nodata);
        header.descriptions.extend(new.descriptions);
        header.metadata.colours.extend(new.metadata.colours);
        // What is said of the whole file is taken from the first.
        let items = new.metadata.items.into_iter().filter_map(|item| Some((item.sample?, item)));
        let items = items.map(|(sample, item)| metadata::Item { sample: Some(bands + sample), ..item });
        header.metadata.items.extend(items);
        self.nodata.extend(other.nodata);
        self.layers.extend(other.layers.into_iter().map(|layer| {
            let moved = layer.bands.iter().map(|(band, at)| (*band, bands + at)).collect();
            FileLayer { bands: moved, ..layer }
        }));
        self.sheets.extend(other.sheets.into_iter().map(|sheet| sheet.moved(bands)));
        Ok(())
    }

    /// Keeps some bands, in the order wanted, each by its name or its number from 1; the others are not read.
    ///
    /// # Errors
    /// [`TiffError::Bands`] for one that is not there, not the only one of that name, or wanted twice.
    pub fn choose<S: AsRef<str>>(&mut self, wanted: &[S]) -> Result<(), TiffError> {
        let mut chosen = Vec::new();
        for wanted in wanted.iter().map(AsRef::as_ref) {
            let band = self.band(wanted.trim()).and_then(|band| match chosen.contains(&band) {
                true => Err("it is chosen already"),
                false => Ok(band),
            });
            chosen.push(band.map_err(|why| self.bad_band(wanted, why, false))?);
        }
        self.select(&chosen);
        Ok(())
    }

    /// Keeps one band, by its name or number, or makes one of all: [`MEAN`], for integers rounded.
    ///
    /// # Errors
    /// As [`choose`](Self::choose).
    pub fn choose_one(&mut self, wanted: &str) -> Result<(), TiffError> {
        if wanted != MEAN {
            let band = self.band(wanted.trim()).map_err(|why| self.bad_band(wanted, why, true))?;
            self.select(&[band]);
            return Ok(());
        }
        self.header = Header { descriptions: vec![None], ..self.header.select(&[0]) };
        self.is_mean = true;
        Ok(())
    }

    /// The band of a name, else of a number from 1.
    fn band(&self, wanted: &str) -> Result<usize, &'static str> {
        let is_named =
            |name: &Option<String>| name.as_ref().is_some_and(|name| name.trim().eq_ignore_ascii_case(wanted));
        let mut named = self.header.descriptions.iter().enumerate().filter(|(_, name)| is_named(name));
        match (named.next(), named.next()) {
            (Some(_), Some(_)) => Err("several bands have this name"),
            (Some((band, _)), None) => Ok(band),
            _ => {
                let number = wanted.parse::<usize>().ok().filter(|number| (1..=self.header.bands).contains(number));
                number.map(|number| number - 1).ok_or("there is no such band")
            }
        }
    }

    fn bad_band(&self, wanted: &str, why: &'static str, alone: bool) -> TiffError {
        let names = self.header.descriptions.iter().flatten().cloned().collect::<Vec<_>>().join(", ");
        let names = if names.is_empty() { names } else { format!(" ({names})") };
        let there = format!("1 to {}{names}", self.header.bands);
        TiffError::Bands { path: self.header.path.clone(), wanted: wanted.to_owned(), why, there, alone }
    }

    /// Keeps these bands (from 0), in this order.
    pub(in crate::tiff) fn select(&mut self, chosen: &[usize]) {
        for layer in &mut self.layers {
            let place = |(band, at): (usize, usize)| Some((band, chosen.iter().position(|kept| *kept == at)?));
            layer.bands = layer.bands.drain(..).filter_map(place).collect();
        }
        // With the last of its bands a file's mask goes, too.
        self.layers.retain(|layer| !layer.bands.is_empty());
        self.sheets.retain_mut(|sheet| sheet.select(chosen));
        self.nodata = chosen.iter().map(|band| self.nodata[*band]).collect();
        self.header = self.header.select(chosen);
        let mut paths = self.layers.iter().map(|layer| layer.image.path().to_owned());
        if let Some(first) = paths.next() {
            (self.header.path, self.header.others) = (first, paths.collect());
        }
    }
}
