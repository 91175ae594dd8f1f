//! What a file says about its bands and its scene beside pixels and place, most of it in GDAL's
//! metadata tag (42112), a small XML.
//!
//! `<GDALMetadata><Item name="DESCRIPTION" sample="0" role="description">Blue</Item></GDALMetadata>`
//!
//! GDAL escapes a value and then the document with the value in it, and undoes both: so do we.

use super::{
    directory::Directory,
    error::TiffError,
    tags::{GDAL_METADATA, PhotometricInterpretation, RPC_COEFFICIENTS, Tag},
    xml::Element,
};

/// Most items of one list that are read: there are some hundreds at most.
const MAX_ITEMS: usize = 4096;

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

/// What is said of `bands`, bands of the file in the order of the header.
pub(super) struct Statement {
    pub(super) descriptions: Vec<Option<String>>,
    pub(super) bits: Option<u8>,
    pub(super) metadata: Metadata,
    /// Why GDAL's tag could not be used, if it could not.
    pub(super) note: Option<String>,
}

/// Reads the tags, for the bands of the file that are bands of the header. What `beside` them is said goes before.
pub(super) fn read(tiff: &Directory<'_>, beside: &[Item], bands: &[usize]) -> Result<Statement, TiffError> {
    let text = |tag| Ok::<_, TiffError>(String::from_utf8_lossy(&tiff.text(tag)?).into_owned());
    let (xml, date_time) = (text(GDAL_METADATA)?, text(Tag::DateTime)?);
    let mut stated = stated(&[], bands);
    stated.metadata.rpc = tiff.doubles(RPC_COEFFICIENTS)?;
    stated.metadata.date_time = (!date_time.is_empty()).then_some(date_time);
    let colours = [PhotometricInterpretation::RGB, PhotometricInterpretation::YCbCr].map(|p| u64::from(p.to_u16()));
    if tiff.uint(Tag::PhotometricInterpretation)?.is_some_and(|found| colours.contains(&found)) {
        for (colour, band) in stated.metadata.colours.iter_mut().zip(bands) {
            *colour = ["Red", "Green", "Blue"].get(*band).map(|name| (*name).to_owned());
        }
    }
    if !xml.trim_matches(['\0', ' ', '\n']).is_empty() {
        match Element::parse(&xml) {
            Ok(document) => items(&document).take(MAX_ITEMS).for_each(|item| stated.take(item, bands)),
            Err(why) => {
                let path = tiff.input.path.display();
                stated.note =
                    Some(format!("{path}: its GDAL metadata (tag {}) cannot be read: {why}", GDAL_METADATA.to_u16()));
            }
        }
    }
    beside.iter().take(MAX_ITEMS).for_each(|item| stated.take(item.clone(), bands));
    Ok(stated)
}

/// What items say of the bands that are bands of the header.
pub(super) fn stated(items: &[Item], bands: &[usize]) -> Statement {
    let metadata = Metadata { colours: vec![None; bands.len()], ..Metadata::default() };
    let mut stated = Statement { descriptions: vec![None; bands.len()], bits: None, metadata, note: None };
    items.iter().take(MAX_ITEMS).for_each(|item| stated.take(item.clone(), bands));
    stated
}

impl Statement {
    /// Adds an item, in place of an earlier one of the same thing.
    fn take(&mut self, mut item: Item, bands: &[usize]) {
        if let Some(sample) = item.sample {
            let Some(band) = bands.iter().position(|band| *band == sample) else { return };
            item.sample = Some(band);
        }
        match (&item.name[..], item.role.as_deref(), item.sample) {
            ("DESCRIPTION", _, Some(band)) => self.descriptions[band] = Some(item.value),
            (_, Some("colorinterp"), Some(band)) => self.metadata.colours[band] = Some(item.value),
            ("NBITS", ..) => {
                let bits = item.value.trim().parse().ok().filter(|bits| (1..=32).contains(bits));
                self.bits = self.bits.or(bits);
            }
            (name, ..) if name.starts_with("STATISTICS_") => {}
            _ => {
                let same = |old: &Item| {
                    (old.sample, &old.domain) == (item.sample, &item.domain)
                        && (old.name == item.name || old.role.is_some() && old.role == item.role)
                };
                self.metadata.items.retain(|old| !same(old));
                self.metadata.items.push(item);
            }
        }
    }
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

/// The items of a document. A value is escaped by GDAL before the document is.
fn items(document: &Element) -> impl Iterator<Item = Item> {
    document.all("Item").filter_map(|item| {
        let attribute = |name: &str| item.attribute(name).map(str::to_owned);
        let sample = item.attribute("sample").and_then(|sample| sample.parse().ok());
        let (role, domain, value) = (attribute("role"), attribute("domain"), unescape(&item.text));
        Some(Item { name: attribute("name")?, sample, role, domain, value })
    })
}

/// `&` first on the way out and last on the way in, so that `&amp;lt;` becomes `&lt;`.
const ESCAPES: [(&str, &str); 4] = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;")];

fn escape(text: &str) -> String {
    // A zero would end the tag.
    ESCAPES.iter().fold(text.replace('\0', ""), |text, (plain, code)| text.replace(plain, code))
}

fn unescape(text: &str) -> String {
    ESCAPES.iter().rev().fold(text.to_owned(), |text, (plain, code)| text.replace(code, plain))
}
