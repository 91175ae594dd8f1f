//! GeoTIFF in and out: bytes, tags, chunks, grids. Nothing here knows of PAN or of a method.
//!
//! [`Source`] reads windows of files as `[H, W, C]` arrays of f32, which hold every u8, u16 and i16
//! exactly, with what lies beside the files; [`read`] and [`write()`] move whole images. Nothing here
//! changes a coordinate system: its tags go from the input to the output as they are.
//!
//! Where a path can stand, an address can, too (`remote`): parts of what lies there are fetched as they are needed.
//!
//! # What is ours, and what is not
//!
//! The names of tags, types and their values are those of the crate `tiff`; the decoders of pictures within a file are
//! those that it stands on, `zune-jpeg` and `image-webp`; deflate, LZW, ZSTD and LERC come from crates, too. Its `Decoder`
//! and `TiffEncoder` (0.11) would not do here:
//!
//! - **Directories** (`directory`). It has one cursor, takes limits only after it has read the first directory, and
//!   opens no file whose first directory it cannot decode. Here every count and place is compared with the length of
//!   the file before anything is allocated, and an error names the tag, the number and the remedy.
//! - **Chunks** (`storage`, `chunk`, `image`). It decodes by `&mut self`: each thread would need a decoder, and each of
//!   them the tables of all chunks. Here one reader without a cursor serves all threads; strips of plain values are
//!   cut, so that a window does not read a whole image; chunks that were left out become nodata; packed values are
//!   unpacked; those decoded last are kept within a limit.
//! - **Pictures** (`picture`). It decodes a JPEG chunk of any size up to 16384², whatever that of the directory is, fills
//!   up one that breaks off, and leaves YCbCr as it is.
//! - **Validity** (`read`, `alpha`, `nodata`, `beside`). Alpha, masks, nodata and files beside are no concern of it.
//! - **Writing** (`write`). A Cloud-Optimised GeoTIFF begins with its directories and its smallest overview, which are
//!   known last, and is compressed by several threads in bounded memory; its encoder writes one image after another.

mod alpha;
mod beside;
mod block;
mod chunk;
mod crs;
mod directory;
mod error;
mod geo;
mod header;
mod image;
mod input;
mod lerc;
mod metadata;
mod mosaic;
mod nodata;
mod picture;
mod read;
mod remote;
mod sample;
mod storage;
mod tags;
mod text;
mod window;
mod write;
mod xml;

pub use block::{Block, Raster, select};
pub(crate) use crs::differ as crs_differ;
pub use error::{ErrorClass, TiffError};
pub(crate) use error::{Size, gdal, quoted, translate};
pub(crate) use geo::SAME;
pub use geo::{Affine, GeoTags};
pub use header::Header;
pub(crate) use input::{Bytes, open as open_file};
pub use input::{Version, read_text, sha256};
pub use metadata::{Item, Metadata};
pub use read::{MEAN, Source, read};
pub use remote::{RemoteError, is_address, placed, shown};
pub use sample::Sample;
pub use text::{visible, visible_json};
pub use window::Window;
pub use write::{
    BigTiff, CogWriter, Compress, Creation, CreationError, Format, Layout, Output, Predict, check_output,
    check_outputs, create_folder, remove_temporary_files, write, write_atomically,
};
