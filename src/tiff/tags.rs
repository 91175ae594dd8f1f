//! Tags and what their values mean, by name. The crate `tiff` names most of them; what GDAL and RPC00B add, and the
//! values that the crate lacks, stand here. Nowhere else is a tag or one of its values a bare number.

pub(super) use ::tiff::tags::{
    CompressionMethod, ExtraSamples, PhotometricInterpretation, PlanarConfiguration, Predictor, SampleFormat, Tag, Type,
};

/// GDAL's metadata, a small XML.
pub(super) const GDAL_METADATA: Tag = Tag::Unknown(42112);
/// The 92 numbers of a rational polynomial camera.
pub(super) const RPC_COEFFICIENTS: Tag = Tag::Unknown(50844);

/// Version of LERC, and how its streams are packed.
pub(super) const LERC_PARAMETERS: Tag = Tag::Unknown(50674);
/// Compression by LERC.
pub(super) const LERC: CompressionMethod = CompressionMethod::Unknown(34887);

/// NewSubfileType: a smaller version of another image.
pub(super) const REDUCED: u32 = 1;
/// NewSubfileType: which pixels of another image are valid.
pub(super) const MASK: u32 = 4;

/// FillOrder: the first pixel in the highest bits of a byte.
pub(super) const HIGH_BITS_FIRST: u64 = 1;

/// SampleFormat: complex integers and complex floating-point numbers.
pub(super) const COMPLEX: [SampleFormat; 2] = [SampleFormat::Unknown(5), SampleFormat::Unknown(6)];

/// GeoTIFF's keys, which number what the tags of the georeference say.
pub(super) mod key {
    pub(in super::super) const MODEL: u16 = 1024;
    pub(in super::super) const RASTER: u16 = 1025;
    pub(in super::super) const CITATION: u16 = 1026;
    pub(in super::super) const GEOGRAPHIC: u16 = 2048;
    pub(in super::super) const GEOGRAPHIC_CITATION: u16 = 2049;
    pub(in super::super) const PROJECTED: u16 = 3072;
    pub(in super::super) const PROJECTED_CITATION: u16 = 3073;
}

/// A method of compression and its number, as errors show it.
pub(super) fn compression_name(code: u64) -> String {
    use CompressionMethod::{Fax3, Fax4, Huffman, JPEG, ModernJPEG, Unknown, WebP};
    let name = match u16::try_from(code).map(CompressionMethod::from_u16_exhaustive) {
        Ok(Huffman | Fax3 | Fax4) => "CCITT fax",
        Ok(JPEG | ModernJPEG) => "JPEG",
        Ok(Unknown(34712)) => "JPEG 2000",
        Ok(LERC) => "LERC",
        Ok(Unknown(34925)) => "LZMA",
        Ok(WebP) => "WebP",
        Ok(Unknown(50002 | 52546)) => "JPEG XL",
        _ => return format!("compression method {code}"),
    };
    format!("{name} compression (method {code})")
}

/// Bytes of one value of a type; `None` for a type that is not known.
pub(super) fn width(kind: Type) -> Option<usize> {
    match kind {
        Type::BYTE | Type::ASCII | Type::SBYTE | Type::UNDEFINED => Some(1),
        Type::SHORT | Type::SSHORT => Some(2),
        Type::LONG | Type::SLONG | Type::FLOAT | Type::IFD => Some(4),
        Type::RATIONAL | Type::SRATIONAL | Type::DOUBLE | Type::LONG8 | Type::SLONG8 | Type::IFD8 => Some(8),
        _ => None,
    }
}
