//! A coordinate system as text (WKT, of OGC or ESRI) into geokeys.
//!
//! Nothing is computed with it: where a code of the EPSG is stated or the name of the system has one, the keys hold
//! it; any other text is carried as it is, in the key where ArcGIS and GDAL look for it if the model is "user-defined".

use super::super::{
    GeoTags,
    geo::USER_DEFINED,
    tags::{Tag, key},
};

/// What a text in the citation begins with.
const TEXT: &str = "ESRI PE String = ";

/// Systems in UTM zones by what their names begin with, in small letters and without marks, and the code before
/// that of zone 1.
const ZONES: [(&str, [Option<u16>; 2]); 3] = [
    ("wgs1984utmzone", [Some(32600), Some(32700)]),
    ("nad1983utmzone", [Some(26900), None]),
    ("etrs1989utmzone", [Some(25800), None]),
];
const GEOGRAPHIC_NAMES: [(&str, u16); 3] =
    [("gcswgs1984", 4326), ("gcsnorthamerican1983", 4269), ("gcsetrs1989", 4258)];

/// The keys of a system, projected or geographic, in the first place of a document.
pub(in super::super) fn keys(wkt: &str) -> Result<GeoTags, String> {
    let find = |kinds: &[&str]| kinds.iter().filter_map(|kind| node(wkt, kind)).next();
    let projected = find(&["PROJCS", "PROJCRS"]);
    let Some(system) = projected.or_else(|| find(&["GEOGCS", "GEOGCRS", "GEODCRS"])) else {
        return Err("it names no projected or geographic coordinate system as WKT".to_owned());
    };
    let (model, id) = if projected.is_some() { (1, key::PROJECTED) } else { (2, key::GEOGRAPHIC) };
    let mut geo = GeoTags::default();
    let all = match code(system).or_else(|| code_of_name(system, id)) {
        Some(code) => [[key::MODEL, 0, 1, model], [id, 0, 1, code]],
        None => {
            geo.ascii_params = format!("{TEXT}{system}|").into_bytes();
            let count = u16::try_from(geo.ascii_params.len()).ok().filter(|_| !system.contains(['|', '\0']));
            let count = count.ok_or_else(|| "its coordinate system is not one that a GeoTIFF can hold".to_owned())?;
            [[key::MODEL, 0, 1, USER_DEFINED], [key::PROJECTED_CITATION, Tag::GeoAsciiParamsTag.to_u16(), count, 0]]
        }
    };
    geo.keys = [[1, 1, 0, all.len() as u16], all[0], all[1]].concat();
    Ok(geo)
}

/// The text of the first node of a kind, to its closing bracket.
fn node<'a>(wkt: &'a str, kind: &str) -> Option<&'a str> {
    let open = |(at, _): &(usize, &str)| wkt[at + kind.len()..].trim_start().starts_with(['[', '(']);
    let text = wkt.match_indices(kind).find(open).map(|(at, _)| &wkt[at..])?;
    let (mut depth, mut quoted) = (0usize, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '[' | '(' if !quoted => depth += 1,
            ']' | ')' if !quoted => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(&text[..=at]);
                }
            }
            _ => {}
        }
    }
    None
}

/// The EPSG code that a system states last, after its parts with codes of their own.
fn code(system: &str) -> Option<u16> {
    let body = system.strip_suffix([']', ')'])?.trim_end();
    let at = body.rfind("AUTHORITY").or_else(|| body.rfind("ID"))?;
    let last = node(&body[at..], if body[at..].starts_with("ID") { "ID" } else { "AUTHORITY" })?;
    // What follows the code of an inner part belongs to the part.
    (body[at..].len() == last.len()).then_some(())?;
    let mut words = last.split(['[', '(', ',', ']', ')', '"']).map(str::trim).filter(|word| !word.is_empty()).skip(1);
    (words.next()? == "EPSG").then_some(())?;
    words.next()?.parse().ok()
}

/// The EPSG code of a name that has one: ESRI's texts have no codes.
fn code_of_name(system: &str, id: u16) -> Option<u16> {
    let name = system.split('"').nth(1)?;
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    if id == key::GEOGRAPHIC {
        return GEOGRAPHIC_NAMES.iter().find(|(known, _)| *known == name).map(|(_, code)| *code);
    }
    let (zone, bases) = ZONES.iter().find_map(|(start, bases)| Some((name.strip_prefix(start)?, bases)))?;
    let number: u16 = zone.trim_end_matches(['n', 's']).parse().ok().filter(|zone| (1..=60).contains(zone))?;
    let base = match zone.chars().last()? {
        'n' => bases[0],
        's' => bases[1],
        _ => None,
    };
    base.map(|base| base + number)
}
