//! Rational polynomial cameras beside an image: `.RPB`, `_RPC.TXT`, `RPC_*.XML` and in GDAL's file, as the numbers of
//! the tag.

use super::super::xml::Element;

/// Names of the single numbers in the order of RPCCoefficientTag: ours, which are those of `_RPC.TXT` and GDAL, and
/// those of `.RPB`. The two errors may be missing.
const SINGLE: [(&str, &str); 12] = [
    ("ERR_BIAS", "errBias"),
    ("ERR_RAND", "errRand"),
    ("LINE_OFF", "lineOffset"),
    ("SAMP_OFF", "sampOffset"),
    ("LAT_OFF", "latOffset"),
    ("LONG_OFF", "longOffset"),
    ("HEIGHT_OFF", "heightOffset"),
    ("LINE_SCALE", "lineScale"),
    ("SAMP_SCALE", "sampScale"),
    ("LAT_SCALE", "latScale"),
    ("LONG_SCALE", "longScale"),
    ("HEIGHT_SCALE", "heightScale"),
];
/// Names of the lists of 20 coefficients, in the order of the tag.
const LISTS: [(&str, &str); 4] = [
    ("LINE_NUM_COEFF", "lineNumCoef"),
    ("LINE_DEN_COEFF", "lineDenCoef"),
    ("SAMP_NUM_COEFF", "sampNumCoef"),
    ("SAMP_DEN_COEFF", "sampDenCoef"),
];
/// TIFF's number for an error that is not known.
const UNKNOWN: f64 = -1.0;

/// The numbers of the tag from the words after each name.
fn numbers<'a>(words: impl Fn(&(&str, &str)) -> Vec<&'a str>) -> Result<Vec<f64>, String> {
    let list = |name: &(&str, &str), count: usize| {
        let found = words(name).into_iter().map_while(|word| word.parse().ok());
        let found: Vec<f64> = found.filter(|v: &f64| v.is_finite()).take(count).collect();
        if found.len() == count {
            Ok(found)
        } else {
            Err(format!("{} of a camera model has not {count} numbers", name.0))
        }
    };
    let mut all = Vec::with_capacity(92);
    for (i, name) in SINGLE.iter().enumerate() {
        match list(name, 1) {
            Ok(value) => all.extend(value),
            Err(_) if i < 2 => all.push(UNKNOWN),
            Err(why) => return Err(why),
        }
    }
    for name in &LISTS {
        all.extend(list(name, 20)?);
    }
    Ok(all)
}

/// `key = value;` and `key = ( value, …);`.
pub(super) fn of_rpb(text: &str) -> Result<Vec<f64>, String> {
    let statements: Vec<(&str, &str)> = text.split(';').filter_map(|s| s.rsplit_once('=')).collect();
    numbers(|(_, name)| {
        let found = statements.iter().find(|(key, _)| key.split_whitespace().last() == Some(name));
        found.map_or(Vec::new(), |(_, value)| words(value))
    })
}

/// `KEY: value unit` and `KEY_1: value` to `KEY_20: value`, by line.
pub(super) fn of_text(text: &str) -> Result<Vec<f64>, String> {
    let lines: Vec<(&str, &str)> =
        text.lines().filter_map(|line| line.split_once(':')).map(|(key, value)| (key.trim(), value)).collect();
    by_key(|key| lines.iter().find(|(k, _)| *k == key).and_then(|(_, value)| words(value).first().copied()))
}

/// `<KEY>value</KEY>` and `<KEY_1>` to `<KEY_20>` of Airbus (Pléiades, SPOT), from the ground to the image.
pub(super) fn of_dimap(text: &str) -> Result<Vec<f64>, String> {
    let root = Element::parse(text)?;
    let model = root.find("Global_RFM").ok_or("it holds no <Global_RFM>")?;
    let parts = ["RFM_Validity", "Inverse_Model"].map(|part| model.find(part));
    let mut all = by_key(|key| parts.into_iter().flatten().find_map(|part| part.text_of(key)))?;
    // The centre of its first pixel is 1, 1, that of the tag's 0, 0.
    all[2..4].iter_mut().for_each(|offset| *offset -= 1.0);
    Ok(all)
}

/// Values after keys, those of the lists after keys with numbers from 1 to 20.
fn by_key<'a>(of: impl Fn(&str) -> Option<&'a str>) -> Result<Vec<f64>, String> {
    numbers(|(name, _)| match of(name) {
        Some(value) => vec![value],
        None => (1..=20).map_while(|i| of(&format!("{name}_{i}"))).collect(),
    })
}

/// Values by GDAL's names, the lists separated by spaces.
pub(super) fn of_items(items: &[(String, String)]) -> Result<Vec<f64>, String> {
    numbers(|(name, _)| items.iter().find(|(key, _)| key == name).map_or(Vec::new(), |(_, value)| words(value)))
}

fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| c.is_whitespace() || "(),".contains(c)).filter(|word| !word.is_empty()).collect()
}
