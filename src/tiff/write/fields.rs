//! What the directories say: size and storage of each image, georeference and metadata of the first.

use super::{
    super::{
        metadata,
        tags::{
            self, CompressionMethod, ExtraSamples, PhotometricInterpretation, PlanarConfiguration, Predictor,
            SampleFormat, Tag,
        },
    },
    Layout, LevelSizes, Sample,
    encoder::Encoder,
    head::{FieldValues, Fields},
};

/// Where the tiles of an image are.
pub(super) struct TileTable {
    pub(super) offsets: Vec<u64>,
    pub(super) lengths: Vec<u32>,
}

/// The directory of the image itself (`level` 0) or of an overview.
pub(super) fn image(layout: &Layout, encoder: Encoder, geometry: LevelSizes, level: usize, table: TileTable) -> Fields {
    use FieldValues::Short;
    let bands = layout.bands;
    let format = match layout.sample {
        Sample::U8 | Sample::U16 => SampleFormat::Uint,
        Sample::I16 => SampleFormat::Int,
        Sample::F32 => SampleFormat::IEEEFP,
    };
    let colours = colours(layout);
    let rgb = is_rgb(&colours);
    let photometric = if rgb { PhotometricInterpretation::RGB } else { PhotometricInterpretation::BlackIsZero };
    let mut fields = tiles(geometry, if level > 0 { tags::REDUCED } else { 0 }, table);
    fields.extend([
        (Tag::BitsPerSample, Short(vec![8 * layout.sample.bytes() as u16; bands])),
        (Tag::Compression, Short(vec![encoder.method().to_u16()])),
        (Tag::PhotometricInterpretation, Short(vec![photometric.to_u16()])),
        (Tag::SamplesPerPixel, Short(vec![bands as u16])),
        (Tag::PlanarConfiguration, Short(vec![PlanarConfiguration::Chunky.to_u16()])),
        (Tag::SampleFormat, Short(vec![format.to_u16(); bands])),
    ]);
    if encoder.predictor != Predictor::None {
        fields.push((Tag::Predictor, Short(vec![encoder.predictor.to_u16()])));
    }
    let extra = bands - if rgb { 3 } else { 1 };
    if extra > 0 {
        // A fourth band is near infrared, not transparency.
        fields.push((Tag::ExtraSamples, Short(vec![ExtraSamples::Unspecified.to_u16(); extra])));
    }
    if let Some(nodata) = layout.nodata.filter(|n| layout.sample.holds(*n)) {
        fields.push((Tag::GdalNodata, FieldValues::Text(nodata_text(nodata).into())));
    }
    if level == 0 {
        scene(layout, &colours, &mut fields);
    }
    fields
}

/// The directory of the mask of an image: one bit per pixel, deflated.
pub(super) fn mask(geometry: LevelSizes, level: usize, table: TileTable) -> Fields {
    use FieldValues::Short;
    let mut fields = tiles(geometry, if level > 0 { tags::MASK | tags::REDUCED } else { tags::MASK }, table);
    let shorts = [
        (Tag::BitsPerSample, 1),
        (Tag::Compression, CompressionMethod::Deflate.to_u16()),
        (Tag::PhotometricInterpretation, PhotometricInterpretation::TransparencyMask.to_u16()),
        (Tag::SamplesPerPixel, 1),
        (Tag::PlanarConfiguration, PlanarConfiguration::Chunky.to_u16()),
        (Tag::SampleFormat, SampleFormat::Uint.to_u16()),
    ];
    fields.extend(shorts.map(|(tag, value)| (tag, Short(vec![value]))));
    fields
}

/// Kind of the image, its size and its tiles.
fn tiles(geometry: LevelSizes, kind: u32, table: TileTable) -> Fields {
    use FieldValues::{Long, Offsets};
    let ([width, height], [columns, rows]) = (geometry.size, geometry.block);
    let long = |value: usize| Long(vec![value as u32]);
    vec![
        (Tag::NewSubfileType, Long(vec![kind])),
        (Tag::ImageWidth, long(width)),
        (Tag::ImageLength, long(height)),
        (Tag::TileWidth, long(columns)),
        (Tag::TileLength, long(rows)),
        (Tag::TileOffsets, Offsets(table.offsets)),
        (Tag::TileByteCounts, Long(table.lengths)),
    ]
}

/// What belongs to the scene as a whole.
fn scene(layout: &Layout, colours: &[Option<&str>], fields: &mut Fields) {
    let (place, about) = (&layout.geo, &layout.metadata);
    fields.push((Tag::Software, FieldValues::Text(concat!("trapan ", env!("CARGO_PKG_VERSION")).into())));
    if let Some(time) = &about.date_time {
        fields.push((Tag::DateTime, FieldValues::Text(time.as_bytes().to_vec())));
    }
    let doubles = [
        (Tag::ModelPixelScaleTag, &place.pixel_scale),
        (Tag::ModelTiepointTag, &place.tiepoints),
        (Tag::ModelTransformationTag, &place.transformation),
        (Tag::GeoDoubleParamsTag, &place.double_params),
        (tags::RPC_COEFFICIENTS, &about.rpc),
    ];
    let doubles = doubles.into_iter().filter(|(_, values)| !values.is_empty());
    fields.extend(doubles.map(|(tag, values)| (tag, FieldValues::Double(values.clone()))));
    if !place.keys.is_empty() {
        fields.push((Tag::GeoKeyDirectoryTag, FieldValues::Short(place.keys.clone())));
    }
    if !place.ascii_params.is_empty() {
        fields.push((Tag::GeoAsciiParamsTag, FieldValues::Text(place.ascii_params.clone())));
    }
    let xml = metadata::xml(&layout.descriptions, if is_rgb(colours) { &[] } else { colours }, &about.items);
    if !xml.is_empty() {
        fields.push((tags::GDAL_METADATA, FieldValues::Text(xml.into())));
    }
}

/// The colour of each band: as stated, or where its name is one.
fn colours(layout: &Layout) -> Vec<Option<&str>> {
    let stated = |band: usize| layout.metadata.colours.get(band)?.as_deref();
    let named = |band: usize| {
        let name = layout.descriptions.get(band)?.as_deref()?.trim();
        ["Red", "Green", "Blue"].into_iter().find(|colour| colour.eq_ignore_ascii_case(name))
    };
    (0..layout.bands).map(|band| stated(band).or_else(|| named(band))).collect()
}

/// Whether TIFF can state the colours itself: red, green, blue, others unspecified.
fn is_rgb(colours: &[Option<&str>]) -> bool {
    let unspecified = |colour: &Option<&str>| colour.is_none_or(|c| c == "Undefined");
    matches!(colours, [Some("Red"), Some("Green"), Some("Blue"), rest @ ..] if rest.iter().all(unspecified))
}

/// The number as GDAL writes it: shortest text that reads back the same.
fn nodata_text(value: f64) -> String {
    match value {
        v if v.is_nan() => "nan".into(),
        v if v.is_infinite() => if v > 0.0 { "inf" } else { "-inf" }.into(),
        v if v != 0.0 && !(1e-5..1e16).contains(&v.abs()) => format!("{v:e}"),
        v => format!("{v}"),
    }
}
