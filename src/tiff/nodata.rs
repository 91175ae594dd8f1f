//! The value of pixels without data, which GDAL keeps as text, rounded to what a file can hold.

use super::Sample;

/// The number of a text as GDAL reads it: white space around it, a comma for the point, the names of several C
/// libraries for what is not a number, and whatever follows a number does not count.
pub(super) fn parse(text: &str) -> Option<f64> {
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace()).to_ascii_lowercase();
    let (negative, size) = match text.strip_prefix('-') {
        Some(size) => (true, size),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    let value = match size {
        size if ["nan", "1.#qnan", "1.#snan", "1.#ind"].iter().any(|name| size.starts_with(name)) => f64::NAN,
        size if ["inf", "1.#inf"].iter().any(|name| size.starts_with(name)) => f64::INFINITY,
        size => number(&size.replacen(',', ".", 1))?,
    };
    Some(if negative { -value } else { value })
}

/// The longest number that a text begins with, signs taken off.
fn number(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || "+-.e".contains(c))).unwrap_or(text.len());
    (1..=end).rev().find_map(|end| text[..end].parse().ok())
}

/// A number given as the hexadecimal bytes of an f64, the lowest first, as GDAL adds it where digits do not do.
pub(super) fn from_hex(text: &str) -> Option<f64> {
    let digits = text.trim();
    (digits.len() == 16).then_some(())?;
    Some(f64::from_bits(u64::from_str_radix(digits, 16).ok()?.swap_bytes()))
}

/// The value that a file of this type can hold in place of one whose digits were rounded, as GDAL has it; one that is
/// far from all it can hold stays and is never met.
pub(super) fn rounded(value: f64, sample: Sample) -> f64 {
    if sample.holds(value) {
        return value;
    }
    let near = match sample {
        Sample::F32 => f64::from(value as f32),
        _ => value.round(),
    };
    if near.is_finite() && sample.holds(near) { near } else { value }
}
