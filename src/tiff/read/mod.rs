//! Reading GeoTIFFs: one file or several stacked, whole or window by window.

use std::{path::Path, sync::Arc};

use rayon::prelude::*;

mod stack;

pub use stack::MEAN;

use super::{
    Block, GeoTags, Header, Raster, Sample, Window, alpha,
    beside::Beside,
    directory::Directory,
    error::{TiffError, translate},
    image::{BandSlot, TiffImage},
    input::Input,
    metadata,
    mosaic::{self, MosaicPart, Nest},
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
/// A file is a TIFF, or a text that lists such: GDAL's VRT, as far as it neither scales nor resamples, or DIMAP V2.
///
/// Reads: the first image of each file and its mask, inside it or beside it (GDAL's `<file>.msk`); u8, u16, i16 or
/// f32, also packed in 1 to 15 bits; strips or tiles; bands interleaved by pixel or stored apart; uncompressed, LZW,
/// deflate, ZSTD, PackBits, JPEG, WebP or LERC; predictors 2 and 3; either byte order; BigTIFF. Tiles that are left out (sparse
/// files) become nodata, or 0 without a nodata value.
///
/// What lies beside a file counts as it does for GDAL: `.aux.xml` goes before the tags, world files after them, and
/// camera models (`.RPB`, `_RPC.TXT`) before the tag of one.
///
/// Nothing in a file, however damaged, makes it panic or allocate more than the caller asks for
/// and a small multiple of what the file can hold.
pub struct Source {
    header: Header,
    layers: Vec<FileLayer>,
    /// Files side by side, instead of `layers`.
    sheets: Vec<MosaicPart>,
    /// Nodata value of each band, `[C]`: stacked files may have their own.
    nodata: Vec<Option<f32>>,
    /// Whether the bands are given as one, their mean.
    is_mean: bool,
}

/// One file.
struct FileLayer {
    image: TiffImage,
    /// Bands of the file that are read, each with its place among those of the source.
    bands: Vec<(usize, usize)>,
    alpha: Option<usize>,
    mask: Option<TiffImage>,
}

impl Source {
    /// Opens one file, or several of the same size and place, whose bands follow each other in the
    /// order given. Of the pixels nothing is read yet.
    ///
    /// # Errors
    /// All input errors of [`TiffError`]; [`TiffError::Stack`] if the files do not fit.
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Result<Self, TiffError> {
        Self::stacked(
            paths.iter().map(|path| Self::one(path.as_ref(), &mut Nest::default())).collect::<Result<_, _>>()?,
        )
    }

    /// Opens one file, a part of those that name it.
    pub(super) fn one(path: &Path, nest: &mut Nest) -> Result<Self, TiffError> {
        let input = Input::open(path)?;
        match mosaic::open(&input, nest)? {
            Some(source) => Ok(source),
            None => Self::single(input, Beside::of(path)?),
        }
    }

    /// [`open`](Self::open) for the bytes of one file; `path` is its name in errors.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_bytes(bytes: Vec<u8>, path: &Path) -> Result<Self, TiffError> {
        Self::single(Input::new(bytes, path)?, Beside::default())
    }

    fn single(input: Input, mut beside: Beside) -> Result<Self, TiffError> {
        let input = Arc::new(input);
        let (tiff, mask) = Directory::image_and_mask(&input)?;
        let storage = Storage::read(&tiff)?;
        let sample = storage.coding.sample;
        let image = TiffImage::new(input.clone(), storage);
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
            (Some(mask), _) => Some(TiffImage::new(input.clone(), mask_storage(&mask, window, 1)?)),
            (None, Some(file)) => {
                let file = Arc::new(file);
                let storage = mask_storage(&Directory::image_and_mask(&file)?.0, window, storage.bands)?;
                Some(TiffImage::new(file, storage))
            }
            (None, None) => None,
        };
        let nodata = nodata.into_iter().map(|n| n.map(|n| n as f32)).collect();
        let bands = bands.into_iter().zip(0..).collect();
        Ok(Self {
            header,
            layers: vec![FileLayer { image, bands, alpha, mask }],
            sheets: Vec::new(),
            nodata,
            is_mean: false,
        })
    }

    /// What files laid over each other show; `nodata` of each band goes for what comes of that.
    pub(super) fn of_sheets(header: Header, sheets: Vec<MosaicPart>, nodata: Vec<Option<f32>>) -> Self {
        Self { header, layers: Vec::new(), sheets, nodata, is_mean: false }
    }

    /// Whether it is such a whole.
    pub(super) fn is_in_sheets(&self) -> bool {
        !self.sheets.is_empty()
    }

    /// The same by the name of the file that lists its files.
    pub(super) fn called(mut self, list: &Path) -> Self {
        self.header.others.insert(0, std::mem::replace(&mut self.header.path, list.to_owned()));
        self
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
        if !self.is_in_sheets() {
            self.nodata.iter_mut().for_each(|n| *n = n.or(Some(nodata as f32)));
        }
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
        let mut block = self.read_bands(window)?;
        if self.is_mean {
            let bands = self.nodata.len();
            let mean = |pixel: &[f32]| pixel.iter().sum::<f32>() / bands as f32;
            let exact = self.header.sample == Sample::F32;
            let value = |pixel: &[f32]| if exact { mean(pixel) } else { mean(pixel).round() };
            block.data = block.data.chunks_exact(bands).map(value).collect();
        }
        Ok(block)
    }

    /// The same of all bands of the files.
    fn read_bands(&self, window: Window) -> Result<Block, TiffError> {
        let bands = self.nodata.len();
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
            return mosaic::read(&self.sheets, window, data, &self.nodata);
        }
        let mut extra = bands;
        for layer in &self.layers {
            let slot =
                |(band, at): &(usize, usize)| BandSlot { band: *band, at: *at, fill: self.nodata[*at].unwrap_or(0.0) };
            let mut slots: Vec<BandSlot> = layer.bands.iter().map(slot).collect();
            if let Some(band) = layer.alpha {
                // Where a tile is left out, GDAL too reads an alpha of 0: transparent.
                slots.push(BandSlot { band, at: extra, fill: 0.0 });
                extra += 1;
            }
            layer.image.read(window, &slots, &mut data, stride)?;
            if let Some(mask) = &layer.mask {
                let slot = |band| BandSlot { band, at: extra + band, fill: 0.0 };
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
        let [size, most] = self.room();
        if values > size.saturating_mul(most) {
            let [w, h] = header.size();
            let what = format!("an image of {w}x{h} pixels in {} bands cannot be in {size} bytes", header.bands);
            return Err(TiffError::Damaged { path: header.path.clone(), what });
        }
        let Block { data, valid } = self.read(header.window())?;
        Ok(Raster { header: header.clone(), data, valid })
    }

    /// Bytes of its files, and the most values that one of them can stand for.
    fn room(&self) -> [u64; 2] {
        let most = |layer: &FileLayer| layer.image.storage.coding.codec.most().unwrap_or(MAX_PICTURE);
        let layers = self.layers.iter().map(|layer| [layer.image.size(), most(layer)]);
        let sheets = self.sheets.iter().map(|sheet| sheet.source.room());
        layers.chain(sheets).fold([0, MAX_VALUES], |all, own| [all[0].saturating_add(own[0]), all[1].max(own[1])])
    }

    /// Forgets what was decoded for earlier reads.
    pub(super) fn forget(&self) {
        self.layers.iter().for_each(|layer| layer.image.forget());
        self.sheets.iter().for_each(|sheet| sheet.source.forget());
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
