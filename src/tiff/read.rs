//! Reading GeoTIFFs: one file or several stacked, whole or window by window.

use std::{path::Path, sync::Arc};

use rayon::prelude::*;

use super::{
    Block, GeoTags, Header, Raster, Window, alpha,
    beside::Beside,
    crs_differ,
    directory::Directory,
    error::{TiffError, onto_grid, translate},
    geo::SAME,
    image::{Image, Slot},
    input::Input,
    metadata,
    mosaic::{self, Sheet},
    nodata,
    storage::Storage,
    tags::Tag,
};

/// Most bytes of one block in memory, as f32.
const MAX_BYTES: u64 = 16 << 30;
/// Most values of a whole image per byte of its files, unless their compression allows more. Tiles
/// that are left out take no bytes but a table entry: a sparse file of more is read by windows.
const MAX_VALUES: u64 = 4096;
/// The same of files of pictures, whose compression has no limit of its own.
const MAX_PICTURE: u64 = 1 << 15;

/// An image in one or several files, of which windows can be read from any thread.
///
/// Reads: the first image of each file and its mask, inside it or beside it (GDAL's `<file>.msk`); u8, u16, i16 or
/// f32, also packed in 1 to 15 bits; strips or tiles; bands interleaved by pixel or stored apart; uncompressed, LZW,
/// deflate, ZSTD, PackBits, JPEG or WebP; predictors 2 and 3; either byte order; BigTIFF. Tiles that are left out (sparse
/// files) become nodata, or 0 without a nodata value.
///
/// What lies beside a file counts as it does for GDAL: `.aux.xml` goes before the tags, world files after them, and
/// camera models (`.RPB`, `_RPC.TXT`) before the tag of one.
///
/// Nothing in a file, however damaged, makes it panic or allocate more than the caller asks for
/// and a small multiple of what the file can hold.
pub struct Source {
    header: Header,
    layers: Vec<Layer>,
    /// Files side by side, instead of `layers`.
    sheets: Vec<Sheet>,
    /// Nodata value of each band, `[C]`: stacked files may have their own.
    nodata: Vec<Option<f32>>,
}

/// One file.
struct Layer {
    image: Image,
    /// Bands of the file that are read, each with its place among those of the source.
    bands: Vec<(usize, usize)>,
    alpha: Option<usize>,
    mask: Option<Image>,
}

impl Source {
    /// Opens one file, or several of the same size and place, whose bands follow each other in the
    /// order given. Of the pixels nothing is read yet.
    ///
    /// # Errors
    /// All input errors of [`TiffError`]; [`TiffError::Stack`] if the files do not fit.
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Result<Self, TiffError> {
        let inputs = paths.iter().map(|path| Ok((Input::open(path.as_ref())?, Beside::of(path.as_ref())?)));
        Self::stack(inputs.collect::<Result<_, TiffError>>()?)
    }

    /// [`open`](Self::open) for the bytes of one file; `path` is its name in errors.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_bytes(bytes: Vec<u8>, path: &Path) -> Result<Self, TiffError> {
        Self::stack(vec![(Input::new(bytes, path)?, Beside::default())])
    }

    /// Files, each with what lies beside it.
    fn stack(inputs: Vec<(Input, Beside)>) -> Result<Self, TiffError> {
        let mut files = inputs.into_iter();
        let Some((first, beside)) = files.next() else {
            return Err(TiffError::Missing { path: "(no file given)".into() });
        };
        let mut source = Self::single(first, beside)?;
        for (file, beside) in files {
            source.add(Self::single(file, beside)?)?;
        }
        Ok(source)
    }

    fn single(input: Input, mut beside: Beside) -> Result<Self, TiffError> {
        let input = Arc::new(input);
        let (tiff, mask) = Directory::image_and_mask(&input)?;
        let storage = Storage::read(&tiff)?;
        let sample = storage.coding.sample;
        let image = Image::new(input.clone(), storage);
        let storage = &image.storage;
        let mut notes = std::mem::take(&mut beside.notes);
        let colour = |band: usize| beside.pam.colour(band);
        // GDAL's file may know better than the tag.
        let marked = alpha::marked(&tiff, storage.bands)?.filter(|band| colour(*band).is_none_or(|c| c == "Alpha"));
        let marked = marked.or((0..storage.bands).find(|band| *band > 0 && colour(*band) == Some("Alpha")));
        let (alpha, mistaken_alpha) = match marked {
            Some(band) if alpha::is_spectrum(&image, band)? => (None, Some(band)),
            marked => (marked, None),
        };
        notes.extend(marked.map(|band| {
            let what = match alpha {
                Some(_) => "taken as a mask; if it has values",
                None => "has hundreds of different values, so it is taken as a band like the others",
            };
            let fix = translate(&format!("-colorinterp_{} undefined -co ALPHA=NO", band + 1), &input.path);
            let path = input.path.display();
            format!("{path}: band {} is marked as alpha (transparency) and {what}; correct the file: {fix}", band + 1)
        }));
        let bands: Vec<usize> = (0..storage.bands).filter(|band| Some(*band) != alpha).collect();
        let tag = nodata::parse(&String::from_utf8_lossy(&tiff.text(Tag::GdalNodata)?));
        let of_band = |band: &usize| beside.pam.nodata.get(band).copied().or(tag).map(|n| nodata::rounded(n, sample));
        let nodata: Vec<Option<f64>> = bands.iter().map(of_band).collect();
        let stated = metadata::read(&tiff, &beside.pam.items, &bands)?;
        notes.extend(stated.note);
        let rpc = beside.camera(stated.metadata.rpc);
        let packed = storage.coding.bits;
        let header = Header {
            path: input.path.clone(),
            others: Vec::new(),
            width: storage.width,
            height: storage.height,
            bands: bands.len(),
            sample,
            bits: stated.bits.or((!packed.is_multiple_of(8)).then_some(packed)),
            geo: beside.place(GeoTags::read(&tiff)?),
            descriptions: stated.descriptions,
            metadata: metadata::Metadata { rpc, ..stated.metadata },
            alpha,
            mistaken_alpha,
            nodata: nodata.iter().copied().find_map(|n| n),
            beside: beside.files,
            notes,
        };
        let window = storage.window();
        let mask = match (mask, beside.mask) {
            // As GDAL has it: a mask inside the file goes before one beside it.
            (Some(mask), _) => Some(Image::new(input.clone(), mask_storage(&mask, window, 1)?)),
            (None, Some(file)) => {
                let file = Arc::new(file);
                let storage = mask_storage(&Directory::image_and_mask(&file)?.0, window, storage.bands)?;
                Some(Image::new(file, storage))
            }
            (None, None) => None,
        };
        let nodata = nodata.into_iter().map(|n| n.map(|n| n as f32)).collect();
        let bands = bands.into_iter().zip(0..).collect();
        Ok(Self { header, layers: vec![Layer { image, bands, alpha, mask }], sheets: Vec::new(), nodata })
    }

    /// The whole that tiles make, whose first corner the header is of.
    pub(super) fn of_sheets(header: Header, sheets: Vec<Sheet>) -> Self {
        Self { header, layers: Vec::new(), sheets, nodata: Vec::new() }
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
            Layer { bands: moved, ..layer }
        }));
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
            chosen.push(band.map_err(|why| self.bad_band(wanted, why))?);
        }
        self.select(&chosen);
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

    fn bad_band(&self, wanted: &str, why: &'static str) -> TiffError {
        let names = self.header.descriptions.iter().flatten().cloned().collect::<Vec<_>>().join(", ");
        let names = if names.is_empty() { names } else { format!(" ({names})") };
        let there = format!("1 to {}{names}", self.header.bands);
        TiffError::Bands { path: self.header.path.clone(), wanted: wanted.to_owned(), why, there }
    }

    /// Keeps these bands (from 0), in this order.
    fn select(&mut self, chosen: &[usize]) {
        if self.sheets.is_empty() {
            for layer in &mut self.layers {
                let place = |(band, at): (usize, usize)| Some((band, chosen.iter().position(|kept| *kept == at)?));
                layer.bands = layer.bands.drain(..).filter_map(place).collect();
            }
            // With the last of its bands a file's mask goes, too.
            self.layers.retain(|layer| !layer.bands.is_empty());
            self.nodata = chosen.iter().map(|band| self.nodata[*band]).collect();
        }
        self.sheets.iter_mut().for_each(|sheet| sheet.source.select(chosen));
        self.header = self.header.select(chosen);
        let mut paths = self.layers.iter().map(|layer| layer.image.path().to_owned());
        if let Some(first) = paths.next() {
            (self.header.path, self.header.others) = (first, paths.collect());
        }
    }

    /// What is known without reading a pixel.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Lets a read hold about this many bytes of decoded pixels beside the values that it gives; a strip or tile of
    /// more is refused then.
    pub fn limit_memory(&mut self, bytes: u64) {
        let images = self.layers.iter_mut().flat_map(|layer| std::iter::once(&mut layer.image).chain(&mut layer.mask));
        images.for_each(|image| image.limit = bytes);
        self.sheets.iter_mut().for_each(|sheet| sheet.source.limit_memory(bytes));
    }

    /// Takes this value for "no data" in files that do not state one.
    pub fn assume_nodata(&mut self, nodata: f64) {
        self.header.nodata = self.header.nodata.or(Some(nodata));
        self.nodata.iter_mut().for_each(|n| *n = n.or(Some(nodata as f32)));
        self.sheets.iter_mut().for_each(|sheet| sheet.source.assume_nodata(nodata));
    }

    /// Takes this value, or none, for "no data", whatever the files state.
    pub fn set_nodata(&mut self, nodata: Option<f64>) {
        let nodata = nodata.map(|nodata| nodata::rounded(nodata, self.header.sample));
        self.header.nodata = nodata;
        self.nodata.fill(nodata.map(|nodata| nodata as f32));
        self.sheets.iter_mut().for_each(|sheet| sheet.source.set_nodata(nodata));
    }

    /// Takes this for the number of significant bits if the files do not state one.
    pub(crate) fn assume_bits(&mut self, bits: Option<u8>) {
        self.header.bits = self.header.bits.or(bits);
    }

    /// Gives names to bands that have none.
    pub(crate) fn assume_names(&mut self, names: &[String]) {
        for (name, new) in self.header.descriptions.iter_mut().zip(names) {
            name.get_or_insert_with(|| new.clone());
        }
    }

    /// Values and validity of a window. Only the chunks it touches are decoded, in parallel, and
    /// about 32 MiB of them, at least those of one row of chunks of the window, are kept for the
    /// next read: reading whole rows from top to bottom decodes each chunk once.
    ///
    /// # Errors
    /// [`TiffError::Window`] if the window is empty or not within the image,
    /// [`TiffError::TooLarge`], and what damage to its part of the file gives.
    pub fn read(&self, window: Window) -> Result<Block, TiffError> {
        let bands = self.header.bands;
        if !window.is_within(self.header.size()) {
            return Err(TiffError::Window { path: self.header.path.clone(), window, size: self.header.size() });
        }
        let pixels = window.width * window.height;
        let alphas = self.layers.iter().filter(|layer| layer.alpha.is_some()).count();
        let masks: usize = self.layers.iter().flat_map(|layer| &layer.mask).map(|mask| mask.storage.bands).sum();
        // Bands, then alphas and masks, which become validity.
        let stride = bands + alphas + masks;
        let values = (pixels as u64).saturating_mul(stride as u64);
        let mut data = Vec::new();
        if values.saturating_mul(4) > MAX_BYTES || data.try_reserve_exact(values as usize).is_err() {
            return Err(self.too_large(window));
        }
        data.resize(pixels * stride, 0.0);
        if !self.sheets.is_empty() {
            return mosaic::read(&self.sheets, window, bands, data);
        }
        let mut extra = bands;
        for layer in &self.layers {
            let slot =
                |(band, at): &(usize, usize)| Slot { band: *band, at: *at, fill: self.nodata[*at].unwrap_or(0.0) };
            let mut slots: Vec<Slot> = layer.bands.iter().map(slot).collect();
            if let Some(band) = layer.alpha {
                // Where a tile is left out, GDAL too reads an alpha of 0: transparent.
                slots.push(Slot { band, at: extra, fill: 0.0 });
                extra += 1;
            }
            layer.image.read(window, &slots, &mut data, stride)?;
            if let Some(mask) = &layer.mask {
                let slot = |band| Slot { band, at: extra + band, fill: 0.0 };
                mask.read(window, &(0..mask.storage.bands).map(slot).collect::<Vec<_>>(), &mut data, stride)?;
                extra += mask.storage.bands;
            }
        }
        let valid = validity(&mut data, bands, stride, &self.nodata);
        if stride > bands {
            for pixel in 1..pixels {
                data.copy_within(pixel * stride..pixel * stride + bands, pixel * bands);
            }
            data.truncate(pixels * bands);
        }
        Ok(Block { data, valid })
    }

    /// The whole image in memory.
    ///
    /// # Errors
    /// Those of [`read`](Self::read); [`TiffError::Damaged`] for a size that no file of this length
    /// has.
    pub fn read_all(&self) -> Result<Raster, TiffError> {
        let header = &self.header;
        let values = (header.width as u64).saturating_mul(header.height as u64).saturating_mul(header.bands as u64);
        let layers = || self.layers.iter().chain(self.sheets.iter().flat_map(|sheet| &sheet.source.layers));
        let size: u64 = layers().map(|layer| layer.image.size()).sum();
        let most = layers().map(|layer| layer.image.storage.coding.codec.most().unwrap_or(MAX_PICTURE));
        let most = most.fold(MAX_VALUES, u64::max);
        if values > size.saturating_mul(most) {
            let [w, h] = header.size();
            let what = format!("an image of {w}x{h} pixels in {} bands cannot be in {size} bytes", header.bands);
            return Err(TiffError::Damaged { path: header.path.clone(), what });
        }
        let Block { data, valid } = self.read(header.window())?;
        Ok(Raster { header: header.clone(), data, valid })
    }

    fn too_large(&self, window: Window) -> TiffError {
        let what = format!("an image of {}x{} pixels in {} bands", window.width, window.height, self.header.bands);
        TiffError::too_large(&self.header.path, what, self.header.size())
    }
}

/// Reads a file whole.
///
/// # Errors
/// All input errors of [`TiffError`].
pub fn read(path: &Path) -> Result<Raster, TiffError> {
    Source::open(&[path])?.read_all()
}

/// Which pixels `[n]` of `[n, stride]` values are valid, `None` if all are: every band is finite and
/// not its nodata value, and the values behind the bands (alphas, masks) are not 0. Values that
/// are not finite become 0.
pub(super) fn validity(data: &mut [f32], bands: usize, stride: usize, nodata: &[Option<f32>]) -> Option<Vec<bool>> {
    let mut valid = vec![true; data.len() / stride];
    data.par_chunks_mut(stride).zip(&mut valid).with_min_len(1 << 14).for_each(|(pixel, valid)| {
        let (values, opacity) = pixel.split_at_mut(bands);
        for (value, nodata) in values.iter_mut().zip(nodata) {
            *valid &= value.is_finite() && Some(*value) != *nodata;
            if !value.is_finite() {
                *value = 0.0;
            }
        }
        *valid &= opacity.iter().all(|v| *v != 0.0);
    });
    valid.contains(&false).then_some(valid)
}

/// How a mask is stored: one for all bands of an image or, in a file of its own, one for each of them.
fn mask_storage(mask: &Directory<'_>, image: Window, bands: usize) -> Result<Storage, TiffError> {
    let storage = Storage::read(mask)?;
    if storage.window() != image || ![1, bands].contains(&storage.bands) {
        return Err(mask.damaged("the mask has another size than the image".into()));
    }
    Ok(storage)
}
