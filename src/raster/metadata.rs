//! GDAL's metadata tag (42112): band descriptions and declared bit depth, in a small XML.
//!
//! `<GDALMetadata><Item name="DESCRIPTION" sample="0" role="description">Blue</Item></GDALMetadata>`
//!
//! GDAL escapes a value and then the document with the value in it, and undoes both: so do we.

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

/// Band descriptions by band (from 0).
pub(super) fn descriptions(xml: &str, bands: usize) -> Vec<Option<String>> {
    let mut names = vec![None; bands];
    for item in items(xml) {
        if let ("DESCRIPTION", Some(slot)) = (&item.name[..], item.sample.and_then(|s| names.get_mut(s))) {
            *slot = Some(item.value);
        }
    }
    names
}

/// The declared number of significant bits, if it is one.
pub(super) fn nbits(xml: &str) -> Option<u8> {
    let item = items(xml).find(|item| item.name == "NBITS")?;
    item.value.trim().parse().ok().filter(|bits| (1..=32).contains(bits))
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
