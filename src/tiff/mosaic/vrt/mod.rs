//! GDAL's virtual rasters as far as they put files side by side or band upon band, pixel by pixel: what
//! `gdalbuildvrt` and `gdal_translate -of VRT` write. What changes values or sizes on the way is refused with the
//! command that makes a plain file of it.
//!
//! Names and meaning of the elements: GDAL's documentation of the format, <https://gdal.org/en/stable/drivers/raster/vrt.html>.

mod piece;

use std::{
    collections::{HashMap, hash_map::Entry},
    path::PathBuf,
};

use super::{
    MosaicPart,
    list::{List, count},
};
use crate::tiff::{
    GeoTags, Header, Sample, Source, TiffError,
    beside::{Beside, Pam},
    metadata::{self, Metadata, Statement},
    nodata,
    xml::Element,
};
use piece::{Piece, file, pieces, shown};

/// What is read at once: a part of a file, as some bands of the whole.
struct Group {
    source: Source,
    piece: Piece,
    /// Band of the file, without its transparency, and of the whole.
    bands: Vec<(usize, usize)>,
}

/// Which bands of the whole are none, or not what they are marked as.
#[derive(Default)]
struct Alphas {
    /// Only the transparency of the parts, which these have as their validity.
    gone: Vec<usize>,
    /// Marked as transparency, and a spectrum.
    mistaken: Vec<usize>,
}

/// The image of a VRT.
pub(super) fn open(root: &Element, list: &mut List<'_>) -> Result<Source, TiffError> {
    plain(root, "VRTDataset", list)?;
    let side = |name| {
        let text = root.attribute(name);
        count(text).ok_or_else(|| list.wrong(format!("has {name} {}", text.unwrap_or("(none)"))))
    };
    let size = [side("rasterXSize")?, side("rasterYSize")?];
    let bands: Vec<&Element> = root.all("VRTRasterBand").collect();
    let mut pam = Pam::of(root, "VRTRasterBand");
    let sample = sample(&bands, list)?;
    let pieces = bands.iter().map(|band| pieces(band, list)).collect::<Result<Vec<_>, _>>()?;
    // Parts have their masks as their validity.
    let masks = root.all("MaskBand").flat_map(|mask| mask.all("VRTRasterBand"));
    for mask in masks.flat_map(|mask| &mask.children).filter(|child| child.name.ends_with("Source")) {
        let of_part = |file: PathBuf| pieces.iter().flatten().any(|(_, piece)| piece.file == file);
        let band = mask.text_of("SourceBand").unwrap_or_default();
        if !(band.starts_with("mask") && file(mask, list).is_ok_and(of_part)) {
            return Err(list.unsupported("a mask that is not that of its parts"));
        }
    }
    let (groups, alphas) = group(pieces, |band| pam.colour(band) == Some("Alpha"), list)?;

    let kept: Vec<usize> = (0..bands.len()).filter(|band| !alphas.gone.contains(band)).collect();
    let at = |band: usize| kept.iter().position(|kept| *kept == band);
    let Statement { descriptions, bits, metadata, .. } = metadata::stated(&pam.items, &kept);
    let nodata = kept.iter().map(|band| pam.nodata.get(band).map(|value| nodata::rounded(*value, sample)));
    let nodata: Vec<Option<f64>> = nodata.collect();
    let notes = pam.unused(list.path, list.path);
    let rpc = pam.rpc.clone().unwrap_or_default();
    let geo = Beside::of_pam(pam).place(GeoTags::default());
    let mut header = Header {
        bits,
        nodata: nodata.iter().copied().find_map(|n| n),
        geo,
        descriptions,
        metadata: Metadata { rpc, ..metadata },
        alpha: alphas.gone.first().copied(),
        mistaken_alpha: alphas.mistaken.first().and_then(|band| at(*band)),
        notes,
        ..Header::new(list.path, sample, [size[0], size[1], kept.len()])
    };
    let mut sheets = Vec::new();
    for Group { mut source, piece, bands } in groups {
        let own = source.header();
        if !holds(sample, own.sample) {
            return Err(list.unsupported(format!("{} of {} as {sample}", own.sample, own.path.display())));
        }
        let bands: Vec<(usize, usize)> = bands.iter().filter_map(|(own, band)| Some((*own, at(*band)?))).collect();
        inherit(&mut header, own, &bands);
        let shown = shown(piece.rectangles, own.size(), size);
        let shown = shown.map_err(|why| list.unsupported(format!("{why} of {}", own.path.display())))?;
        let Some((from, place)) = shown else { continue };
        // What stands for no data is said by the VRT.
        source.set_nodata(None);
        source.select(&bands.iter().map(|(own, _)| *own).collect::<Vec<_>>());
        let (bands, hole) = (bands.iter().map(|(_, at)| *at).collect::<Vec<_>>(), piece.hole());
        let (holes, is_open) = (vec![hole; bands.len()], piece.masked || hole.is_some_and(f32::is_nan));
        sheets.push(MosaicPart { source, from, place, bands, holes, is_open });
    }
    if sheets.is_empty() {
        return Err(list.wrong("shows nothing of its parts"));
    }
    Ok(Source::of_sheets(header, sheets, nodata.iter().map(|n| n.map(|n| n as f32)).collect()))
}

/// Takes over what a file says of bands, each with its place in the whole, and the VRT does not.
fn inherit(header: &mut Header, file: &Header, bands: &[(usize, usize)]) {
    for (own, at) in bands {
        let [name, colour] = [&file.descriptions[*own], &file.metadata.colours[*own]].map(Clone::clone);
        header.descriptions[*at] = header.descriptions[*at].take().or(name);
        header.metadata.colours[*at] = header.metadata.colours[*at].take().filter(|own| own != "Alpha").or(colour);
    }
    header.bits = header.bits.or(file.bits);
    for path in file.files() {
        if !header.others.contains(path) {
            header.others.push(path.clone());
        }
    }
    header.beside.extend(file.beside.iter().cloned());
    header.notes.extend(file.notes.iter().cloned());
}

/// Whether an element is of the plain kind.
fn plain(element: &Element, kind: &str, list: &List<'_>) -> Result<(), TiffError> {
    match element.attribute("subClass").filter(|class| *class != kind) {
        Some(class) => Err(list.unsupported(format!("a VRT of class {class}"))),
        None => Ok(()),
    }
}

/// The type of all bands.
fn sample(bands: &[&Element], list: &List<'_>) -> Result<Sample, TiffError> {
    let mut found = None;
    for (place, band) in bands.iter().enumerate() {
        plain(band, "VRTSourcedRasterBand", list)?;
        if band.attribute("band").is_some_and(|number| number.trim() != (place + 1).to_string()) {
            return Err(list.unsupported("bands out of order"));
        }
        if band.all("ColorTable").next().is_some() {
            return Err(list.unsupported_but("-expand rgb", "a colour table"));
        }
        let kind = match band.attribute("dataType").unwrap_or("Byte") {
            "Byte" => Sample::U8,
            "UInt16" => Sample::U16,
            "Int16" => Sample::I16,
            "Float32" => Sample::F32,
            "Int8" => return Err(list.unsupported_but("-ot Int16", "Int8 data")),
            other => return Err(list.unsupported_but("-ot Float32", format!("{other} data"))),
        };
        let first = *found.get_or_insert(kind);
        if first != kind {
            return Err(list.unsupported_but("-ot Float32", format!("bands of {first} beside bands of {kind}")));
        }
    }
    found.ok_or_else(|| list.wrong("has no band"))
}

/// Whether a type has room for every value of another.
fn holds(sample: Sample, other: Sample) -> bool {
    let ([low, high], [least, greatest]) = (sample.range(), other.range());
    low <= least && greatest <= high
}

/// Opens the files and brings together what can be read at once.
fn group(
    pieces: Vec<Vec<(usize, Piece)>>,
    is_alpha: impl Fn(usize) -> bool,
    list: &mut List<'_>,
) -> Result<(Vec<Group>, Alphas), TiffError> {
    let mut groups: Vec<Group> = Vec::new();
    let mut alphas = Alphas::default();
    let mut files: HashMap<PathBuf, (Header, Option<Source>)> = HashMap::new();
    for (band, pieces) in pieces.into_iter().enumerate() {
        let (mut lowest, mut transparent, mut mistaken, count) = (0, 0, 0, pieces.len());
        for (wanted, piece) in pieces {
            let (header, source) = match files.entry(piece.file.clone()) {
                Entry::Occupied(file) => file.into_mut(),
                Entry::Vacant(file) => {
                    let source = list.open(&piece.file)?;
                    file.insert((source.header().clone(), Some(source)))
                }
            };
            if header.alpha == Some(wanted) {
                transparent += 1;
                continue;
            }
            mistaken += usize::from(header.mistaken_alpha == Some(wanted));
            // Transparency is not counted among the bands that are read.
            let own = wanted - usize::from(header.alpha.is_some_and(|alpha| alpha < wanted));
            if own >= header.bands {
                let name = piece.file.display();
                return Err(list.wrong(format!("names band {} of {name}, which has {}", wanted + 1, header.bands)));
            }
            let fits = |group: &Group| {
                group.piece == piece && group.bands.iter().all(|(same, of)| *same != own && *of != band)
            };
            // No deeper than the piece of this band that lies beneath.
            let next = groups.iter().skip(lowest).position(fits).map_or(groups.len(), |next| lowest + next);
            if next == groups.len() {
                let source = source.take().map_or_else(|| list.open(&piece.file), Ok)?;
                groups.push(Group { source, piece, bands: Vec::new() });
            }
            groups[next].bands.push((own, band));
            lowest = next;
        }
        match is_alpha(band) {
            true if transparent == count => alphas.gone.push(band),
            true if mistaken == count => alphas.mistaken.push(band),
            false if transparent == 0 => {}
            _ => {
                return Err(list.unsupported(format!("band {}, transparency that is not that of its parts,", band + 1)));
            }
        }
    }
    Ok((groups, alphas))
}
