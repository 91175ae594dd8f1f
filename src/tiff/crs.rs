//! Whether two images name the same coordinate system. Nothing is transformed.

use super::{
    GeoTags,
    geo::USER_DEFINED,
    tags::{Tag, key},
};

/// Keys that do not say where a coordinate lies: raster type, and the names of things.
const REMARKS: [u16; 4] = [key::RASTER, key::CITATION, key::GEOGRAPHIC_CITATION, key::PROJECTED_CITATION];
/// What a key says: a code, or numbers of the list of doubles. Text says nothing.
fn meaning<'a>(geo: &'a GeoTags, key: &[u16]) -> Option<(u16, &'a [f64])> {
    match key[1] {
        0 => Some((key[3], &[])),
        place if place == Tag::GeoDoubleParamsTag.to_u16() => {
            geo.double_params.get(usize::from(key[3])..usize::from(key[3]) + usize::from(key[2])).map(|v| (0, v))
        }
        _ => None,
    }
}

/// The text that stands for a coordinate system without codes, white space left out.
fn text(geo: &GeoTags) -> Option<Vec<u8>> {
    let text = geo.ascii_params.strip_prefix(b"ESRI PE String = ")?;
    Some(text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect())
}

/// Whether two coordinate systems differ; one that is not named is taken for the other.
pub(crate) fn differ(pan: &GeoTags, ms: &GeoTags) -> bool {
    if let (Some(a), Some(b)) = (pan.epsg(), ms.epsg()) {
        return a != b;
    }
    // Two that are carried as text.
    if let (Some(a), Some(b)) = (text(pan), text(ms)) {
        return a != b;
    }
    // One without an EPSG code: writers choose their keys, so only those that both have can speak.
    let said = |key: &[u16]| (!REMARKS.contains(&key[0])).then(|| meaning(pan, key)).flatten();
    let contradicts = |key: &[u16], (code, values): (u16, &[f64])| {
        let partner = ms.keys().find(|k| k[0] == key[0]).and_then(|k| meaning(ms, k));
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
        partner.is_some_and(|(c, v)| {
            let defined = code != USER_DEFINED && c != USER_DEFINED;
            defined && c != code || v.len() == values.len() && !v.iter().zip(values).all(near)
        })
    };
    pan.keys().any(|key| said(key).is_some_and(|found| contradicts(key, found)))
}
