//! What the directories say: size and storage of each image, georeference and metadata of the first.

use super::{
    super::{geo, metadata},
    Geometry, Layout, Sample,
    codec::Codec,
    directory::{Directory, TILE_BYTE_COUNTS, TILE_OFFSETS, Values},
};

/// Where the tiles of an image are.
pub(super) struct Table {
    pub(super) offsets: Vec<u64>,
    pub(super) lengths: Vec<u32>,
}

/// The directory of the image itself (`level` 0) or of an overview.
pub(super) fn image(layout: &Layout, codec: Codec, geometry: Geometry, level: usize, table: Table) -> Directory {
    use Values::Short;
    let bands = layout.bands;
    let format = match layout.sample {
        Sample::U8 | Sample::U16 => 1,
        Sample::I16 => 2,
        Sample::F32 => 3,
    };
    let colours = colours(layout);
    let rgb = is_rgb(&colours);
    let mut tags = tiles(geometry, u32::from(level > 0), table);
    tags.extend([
        (258, Short(vec![8 * layout.sample.bytes() as u16; bands])),
        (259, Short(vec![codec.tag()])),
        (262, Short(vec![if rgb { 2 } else { 1 }])), // RGB, or black is zero
        (277, Short(vec![bands as u16])),
        (284, Short(vec![1])), // by pixel
        (339, Short(vec![format; bands])),
    ]);
    if codec.predictor > 1 {
        tags.push((317, Short(vec![codec.predictor])));
    }
    let extra = bands - if rgb { 3 } else { 1 };
    if extra > 0 {
        // Unspecified: a fourth band is near infrared, not transparency.
        tags.push((338, Short(vec![0; extra])));
    }
    if let Some(nodata) = layout.nodata.filter(|n| layout.sample.holds(*n)) {
        tags.push((42113, Values::Text(nodata_text(nodata).into())));
    }
    if level == 0 {
        scene(layout, &colours, &mut tags);
    }
    tags
}

/// The directory of the mask of an image: one bit per pixel, deflated.
pub(super) fn mask(geometry: Geometry, level: usize, table: Table) -> Directory {
    use Values::Short;
    let mut tags = tiles(geometry, if level > 0 { 5 } else { 4 }, table);
    tags.extend([258, 277, 284, 339].map(|tag| (tag, Short(vec![1]))));
    tags.extend([(259, Short(vec![8])), (262, Short(vec![4]))]); // deflate, mask
    tags
}

/// Kind of the image (1: reduced, 4: mask), its size and its tiles.
fn tiles(geometry: Geometry, kind: u32, table: Table) -> Directory {
    use Values::{Long, Offsets};
    let ([width, height], [columns, rows]) = (geometry.size, geometry.block);
    let long = |value: usize| Long(vec![value as u32]);
    vec![
        (254, Long(vec![kind])),
        (256, long(width)),
        (257, long(height)),
        (322, long(columns)),
        (323, long(rows)),
        (TILE_OFFSETS, Offsets(table.offsets)),
        (TILE_BYTE_COUNTS, Long(table.lengths)),
    ]
}

/// What belongs to the scene as a whole.
fn scene(layout: &Layout, colours: &[Option<&str>], tags: &mut Directory) {
    let (place, about) = (&layout.geo, &layout.metadata);
    tags.push((305, Values::Text(concat!("trapan ", env!("CARGO_PKG_VERSION")).into())));
    if let Some(time) = &about.date_time {
        tags.push((metadata::DATE_TIME, Values::Text(time.as_bytes().to_vec())));
    }
    let doubles = [
        (geo::PIXEL_SCALE, &place.pixel_scale),
        (geo::TIEPOINT, &place.tiepoints),
        (geo::TRANSFORMATION, &place.transformation),
        (geo::DOUBLE_PARAMS, &place.double_params),
        (metadata::RPC, &about.rpc),
    ];
    let doubles = doubles.into_iter().filter(|(_, values)| !values.is_empty());
    tags.extend(doubles.map(|(tag, values)| (tag, Values::Double(values.clone()))));
    if !place.keys.is_empty() {
        tags.push((geo::KEY_DIRECTORY, Values::Short(place.keys.clone())));
    }
    if !place.ascii_params.is_empty() {
        tags.push((geo::ASCII_PARAMS, Values::Text(place.ascii_params.clone())));
    }
    let xml = metadata::xml(&layout.descriptions, if is_rgb(colours) { &[] } else { colours }, &about.items);
    if !xml.is_empty() {
        tags.push((metadata::GDAL_METADATA, Values::Text(xml.into())));
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
