//! Chunks that are pictures of their own: JPEG and WebP.
//!
//! Such a picture states its size. It is compared with that of the chunk before anything of it is decoded, so that no
//! header, however damaged, makes room for more than the directory has been found to claim.

use std::io::{self, Cursor};

use image_webp::WebPDecoder;
use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

use super::chunk::room;

/// JPEG's markers of the start and the end of a picture.
const START: &[u8] = &[0xff, 0xd8];
const END: &[u8] = &[0xff, 0xd9];

/// What a picture has to fill.
#[derive(Debug, Clone, Copy)]
pub(super) struct PictureShape {
    /// Columns.
    pub(super) width: usize,
    /// Rows that are wanted.
    pub(super) rows: usize,
    /// Most rows: some programs write the last strip as high as the others.
    pub(super) most_rows: usize,
    /// Values per pixel.
    pub(super) samples: usize,
}

impl PictureShape {
    /// Values of a picture of this height, of bytes each.
    pub(super) fn bytes(self, height: usize) -> usize {
        self.width * height * self.samples
    }

    /// The rows of a picture of this size, if it fits.
    pub(super) fn height(self, [width, height]: [usize; 2]) -> io::Result<usize> {
        if width == self.width && (self.rows..=self.most_rows).contains(&height) {
            return Ok(height);
        }
        let Self { width: columns, rows, .. } = self;
        Err(io::Error::other(format!("it holds a picture of {width}x{height} pixels, not {columns}x{rows}")))
    }

    /// The values that are wanted of a whole picture.
    fn cut(self, mut picture: Vec<u8>) -> Vec<u8> {
        picture.truncate(self.bytes(self.rows));
        picture
    }
}

/// What JPEG chunks of an image have in common.
#[derive(Debug, Clone, Default)]
pub(super) struct Jpeg {
    /// Tables that the chunks leave out (JPEGTables), a stream without a picture; empty if they have their own.
    pub(super) tables: Vec<u8>,
    /// Whether the values are luminance and two colour differences that stand for red, green and blue.
    pub(super) ycbcr: bool,
}

impl Jpeg {
    /// The picture in a chunk.
    pub(super) fn decode(&self, bytes: &[u8], shape: PictureShape) -> io::Result<Vec<u8>> {
        let joined = match self.tables.strip_prefix(START) {
            None => None,
            Some(tables) => {
                let tables = tables.strip_suffix(END).unwrap_or(tables);
                let picture = bytes.strip_prefix(START).unwrap_or(bytes);
                let mut joined = room(START.len() + tables.len() + picture.len())?;
                [START, tables, picture].iter().for_each(|part| joined.extend(*part));
                Some(joined)
            }
        };
        let bytes = joined.as_deref().unwrap_or(bytes);
        // Without this mode a stream that breaks off is filled up with grey.
        let options = DecoderOptions::default().set_strict_mode(true);
        let options = options.set_max_width(shape.width).set_max_height(shape.most_rows);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        let failed = |e| io::Error::other(format!("JPEG: {e:?}"));
        decoder.decode_headers().map_err(failed)?;
        let (Some(info), Some(stored)) = (decoder.info(), decoder.input_colorspace()) else {
            return Err(io::Error::other("JPEG: no header"));
        };
        let height = shape.height([info.width.into(), info.height.into()])?;
        if usize::from(info.components) != shape.samples || stored.num_components() != shape.samples {
            let what = format!("it holds a picture of {} bands, not {}", info.components, shape.samples);
            return Err(io::Error::other(what));
        }
        // The file says what the values are, not the decoder's guess: bands that are no colours stay as they are.
        let wanted = if self.ycbcr && stored == ColorSpace::YCbCr { ColorSpace::RGB } else { stored };
        decoder.set_options(options.jpeg_set_out_colorspace(wanted));
        let mut picture = room(shape.bytes(height))?;
        picture.resize(shape.bytes(height), 0);
        decoder.decode_into(&mut picture).map_err(failed)?;
        Ok(shape.cut(picture))
    }
}

/// The picture in a WebP chunk.
pub(super) fn webp(bytes: &[u8], shape: PictureShape) -> io::Result<Vec<u8>> {
    let failed = |e| io::Error::other(format!("WebP: {e}"));
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(failed)?;
    let (width, height) = decoder.dimensions();
    let height = shape.height([width as usize, height as usize])?;
    if decoder.is_animated() {
        return Err(io::Error::other("it holds a moving picture"));
    }
    let pixels = shape.width * height;
    let stored = if decoder.has_alpha() { 4 } else { 3 };
    let mut picture = room(pixels * stored)?;
    picture.resize(pixels * stored, 0);
    decoder.read_image(&mut picture).map_err(failed)?;
    // Where all of a chunk is opaque, its alpha is left out; one that the file does not count is not asked for.
    let picture = match (stored, shape.samples) {
        (3, 4) => picture.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], u8::MAX]).collect(),
        (4, 3) => picture.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect(),
        _ => picture,
    };
    Ok(shape.cut(picture))
}
