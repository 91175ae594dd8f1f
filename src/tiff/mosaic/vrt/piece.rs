//! The parts of a band of a VRT: which band of which file, which of its pixels, and where to.

use std::path::PathBuf;

use super::super::{
    MAX_OFF,
    list::{List, count},
};
use crate::tiff::{TiffError, Window, is_address, nodata, xml::Element};

/// A part of a file and where it goes.
#[derive(PartialEq)]
pub(super) struct Piece {
    pub(super) file: PathBuf,
    /// Which of its pixels, and where to; `None`: all.
    pub(super) rectangles: [Option<Rectangle>; 2],
    /// Bits of the value where what lies beneath is seen.
    hole: Option<u64>,
    /// Whether that is also seen where the file's mask is 0.
    pub(super) masked: bool,
}

impl Piece {
    /// The value where what lies beneath is seen.
    pub(super) fn hole(&self) -> Option<f32> {
        self.hole.map(|bits| f64::from_bits(bits) as f32)
    }
}

/// Column and row of a corner, width and height; it may reach beyond the image.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Rectangle {
    corner: [i64; 2],
    size: [i64; 2],
}

/// The pieces of a band, the lowest first, each with the band of its file, from 0.
pub(super) fn pieces(band: &Element, list: &List<'_>) -> Result<Vec<(usize, Piece)>, TiffError> {
    let sources = band.children.iter().filter(|child| child.name.ends_with("Source"));
    let pieces = sources.map(|source| piece(source, list)).collect::<Result<Vec<_>, _>>()?;
    match pieces.is_empty() {
        true => Err(list.wrong("has a band without parts")),
        false => Ok(pieces),
    }
}

fn piece(source: &Element, list: &List<'_>) -> Result<(usize, Piece), TiffError> {
    let known = ["SourceFilename", "SourceBand", "SourceProperties", "SrcRect", "DstRect"];
    let complex = source.name == "ComplexSource";
    let same = |child: &Element| match &child.name[..] {
        "ScaleOffset" => child.text.trim().parse() == Ok(0.0),
        "ScaleRatio" => child.text.trim().parse() == Ok(1.0),
        "NODATA" | "UseMaskBand" => complex,
        name => known.contains(&name),
    };
    if !(complex || source.name == "SimpleSource") {
        return Err(list.unsupported(format!("a {}", source.name)));
    }
    if let Some(other) = source.children.iter().find(|child| !same(child)) {
        return Err(list.unsupported(format!("{} of a part", other.name)));
    }
    let text = source.text_of("SourceBand").unwrap_or("1");
    let band = count(Some(text)).ok_or_else(|| list.unsupported(format!("band {text} of a part")))?;
    let rectangle = |name| source.all(name).next().map(|found| rectangle(found, list)).transpose();
    let hole = source.text_of("NODATA").map(|text| nodata::parse(text).ok_or_else(|| list.wrong("has an odd NODATA")));
    let masked = source.text_of("UseMaskBand").is_some_and(|text| ["1", "true"].contains(&&text.to_lowercase()[..]));
    let (file, rectangles) = (file(source, list)?, [rectangle("SrcRect")?, rectangle("DstRect")?]);
    Ok((band - 1, Piece { file, rectangles, hole: hole.transpose()?.map(f64::to_bits), masked }))
}

/// The file of a source.
pub(super) fn file(source: &Element, list: &List<'_>) -> Result<PathBuf, TiffError> {
    let name = source.all("SourceFilename").next();
    match name.map(|name| (name.text.trim(), name.attribute("relativeToVRT"))) {
        None | Some(("", _)) => Err(list.wrong("has a part without a name")),
        Some((name, _)) if !is_address(name.as_ref()) && (name.starts_with("/vsi") || name.starts_with('<')) => {
            Err(list.unsupported("a part that is no file of its own"))
        }
        Some((name, relative)) => Ok(list.part(name, relative == Some("1"))),
    }
}

fn rectangle(found: &Element, list: &List<'_>) -> Result<Rectangle, TiffError> {
    let number = |name| {
        let text = found.attribute(name).unwrap_or_default();
        let number = text.trim().parse().ok().filter(|number: &f64| number.abs() <= f64::from(i32::MAX));
        let number = number.ok_or_else(|| list.wrong(format!("has {} with {name} \"{text}\"", found.name)))?;
        match (number - number.round()).abs() <= MAX_OFF {
            true => Ok(number.round() as i64),
            false => Err(list.unsupported(format!("{} between pixels ({name} {text})", found.name))),
        }
    };
    let [x, y, w, h] = ["xOff", "yOff", "xSize", "ySize"].map(number);
    Ok(Rectangle { corner: [x?, y?], size: [w?, h?] })
}

/// Where the pixels of a file are shown, if any are: its first column and row, and the place.
pub(super) fn shown(
    rectangles: [Option<Rectangle>; 2],
    file: [usize; 2],
    whole: [usize; 2],
) -> Result<Option<([usize; 2], Window)>, String> {
    let all = |size: [usize; 2]| Rectangle { corner: [0; 2], size: size.map(|n| n as i64) };
    let [from, to] = [rectangles[0].unwrap_or(all(file)), rectangles[1].unwrap_or(all(whole))];
    if from.size != to.size {
        let [[a, b], [c, d]] = [from.size, to.size];
        return Err(format!("resampling to {c}x{d} from {a}x{b} pixels"));
    }
    // Along an axis: first pixel of the file, of the whole, and their number.
    let along = |axis: usize| {
        let (first, shift) = (from.corner[axis], to.corner[axis] - from.corner[axis]);
        let start = first.max(0).max(-shift);
        let end = (first + from.size[axis]).min(file[axis] as i64).min(whole[axis] as i64 - shift);
        (end > start).then(|| (start as usize, (start + shift) as usize, (end - start) as usize))
    };
    let (Some((left, x, width)), Some((top, y, height))) = (along(0), along(1)) else { return Ok(None) };
    Ok(Some(([left, top], Window { x, y, width, height })))
}
