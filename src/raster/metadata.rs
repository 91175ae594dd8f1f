//! What a file says about its bands and its scene beside pixels and place, most of it in GDAL's
//! metadata tag (42112), a small XML.
//!
//! `<GDALMetadata><Item name="DESCRIPTION" sample="0" role="description">Blue</Item></GDALMetadata>`
//!
//! GDAL escapes a value and then the document with the value in it, and undoes both: so do we.

use super::{directory::Directory, error::RasterError};

/// RPCCoefficientTag.
pub(super) const RPC: u16 = 50844;
/// TIFF's DateTime.
pub(super) const DATE_TIME: u16 = 306;
/// GDAL's metadata.
pub(super) const GDAL_METADATA: u16 = 42112;

/// What can be carried from an input to an output beside pixels and georeference.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    /// Colour interpretation of each band as GDAL names it ("Red", "NIR", …), where stated; `[C]`.
    pub colours: Vec<Option<String>>,
    /// GDAL's items but for those with a place of their own here (descriptions, colours, bit depth)
    /// and statistics, which belong to one image only. `sample` counts the bands of the header.
    pub items: Vec<Item>,
    /// The 92 numbers of the rational polynomial camera (RPCCoefficientTag, 50844), valid for the
    /// grid of this file only; empty if there are none.
    pub rpc: Vec<f64>,
    /// TIFF's DateTime (306): "YYYY:MM:DD HH:MM:SS".
    pub date_time: Option<String>,
}

/// One `<Item>` of GDAL's metadata.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// Its band, from 0; `None` for the whole file.
    pub sample: Option<usize>,
    /// What GDAL takes it for: "offset", "scale", "unittype", ….
    pub role: Option<String>,
    /// The domain it belongs to; `None` for the default one.
    pub domain: Option<String>,
    /// Its value.
    pub value: String,
}

/// What GDAL's items say of `bands`, bands of the file in the order of the header.
pub(super) struct Stated {
    pub(super) descriptions: Vec<Option<String>>,
    pub(super) bits: Option<u8>,
    pub(super) metadata: Metadata,
}

/// Reads the tags, for the bands of the file that are bands of the header.
pub(super) fn read(tiff: &Directory<'_>, bands: &[usize]) -> Result<Stated, RasterError> {
    let text = |tag| Ok::<_, RasterError>(String::from_utf8_lossy(&tiff.text(tag)?).into_owned());
    let (xml, date_time) = (text(GDAL_METADATA)?, text(DATE_TIME)?);
    let metadata = Metadata {
        colours: vec![None; bands.len()],
        rpc: tiff.doubles(RPC)?,
        date_time: (!date_time.is_empty()).then_some(date_time),
        items: Vec::new(),
    };
    let rgb = tiff.uint(262)? == Some(2);
    let mut stated = Stated { descriptions: vec![None; bands.len()], bits: None, metadata };
    for mut item in items(&xml) {
        if let Some(sample) = item.sample {
            let Some(band) = bands.iter().position(|band| *band == sample) else { continue };
            item.sample = Some(band);
        }
        match (&item.name[..], item.role.as_deref(), item.sample) {
            ("DESCRIPTION", _, Some(band)) => stated.descriptions[band] = Some(item.value),
            (_, Some("colorinterp"), Some(band)) => stated.metadata.colours[band] = Some(item.value),
            ("NBITS", ..) => {
                let bits = item.value.trim().parse().ok().filter(|bits| (1..=32).contains(bits));
                stated.bits = stated.bits.or(bits);
            }
            (name, ..) if name.starts_with("STATISTICS_") => {}
            _ => stated.metadata.items.push(item),
        }
    }
    if rgb {
        for (colour, band) in stated.metadata.colours.iter_mut().zip(bands) {
            let of_picture = ["Red", "Green", "Blue"].get(*band).map(|name| (*name).to_owned());
            *colour = colour.take().or(of_picture);
        }
    }
    Ok(stated)
}

/// The metadata as GDAL writes it; empty if there is nothing to say.
pub(super) fn xml(descriptions: &[Option<String>], colours: &[Option<&str>], items: &[Item]) -> String {
    let item = |name: &str, sample: usize, value: &str| Item {
        name: name.to_owned(),
        sample: Some(sample),
        role: Some(name.to_ascii_lowercase()),
        domain: None,
        value: value.to_owned(),
    };
    let of_band = |name, values: Vec<Option<&str>>| {
        let stated = values.into_iter().enumerate().filter_map(|(band, value)| Some((band, value?)));
        stated.map(|(band, value)| item(name, band, value)).collect::<Vec<_>>()
    };
    let names = of_band("DESCRIPTION", descriptions.iter().map(Option::as_deref).collect());
    let colours = of_band("COLORINTERP", colours.to_vec());
    let xml: String = names.iter().chain(&colours).chain(items).map(Item::xml).collect();
    if xml.is_empty() { xml } else { format!("<GDALMetadata>\n{xml}</GDALMetadata>\n") }
}

impl Item {
    fn xml(&self) -> String {
        let attribute = |name: &str, value: Option<&str>| {
            value.map_or(String::new(), |value| format!(" {name}=\"{}\"", escape(value)))
        };
        let sample = self.sample.map(|sample| sample.to_string());
        format!(
            "<Item{}{}{}{}>{}</Item>\n",
            attribute("name", Some(&self.name)),
            attribute("sample", sample.as_deref()),
            attribute("role", self.role.as_deref()),
            attribute("domain", self.domain.as_deref()),
            escape(&escape(&self.value))
        )
    }
}

fn items(xml: &str) -> impl Iterator<Item = Item> {
    xml.split("<Item").skip(1).filter_map(|rest| {
        let (head, rest) = rest.split_once('>')?;
        let (value, _) = rest.split_once("</Item>")?;
        let attribute = |name: &str| {
            let (_, rest) = head.split_once(&format!(" {name}=\""))?;
            rest.split_once('"').map(|(value, _)| unescape(value))
        };
        let sample = attribute("sample").and_then(|s| s.parse().ok());
        let (role, domain) = (attribute("role"), attribute("domain"));
        Some(Item { name: attribute("name")?, sample, role, domain, value: unescape(&unescape(value)) })
    })
}

/// `&` first on the way out and last on the way in, so that `&amp;lt;` stays `&lt;`.
const ESCAPES: [(&str, &str); 4] = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;")];

fn escape(text: &str) -> String {
    // A zero would end the tag.
    ESCAPES.iter().fold(text.replace('\0', ""), |text, (plain, code)| text.replace(plain, code))
}

fn unescape(text: &str) -> String {
    ESCAPES.iter().rev().fold(text.to_owned(), |text, (plain, code)| text.replace(code, plain))
}
