//! GDAL's metadata tag (42112): band descriptions and declared bit depth, in a small XML.
//!
//! `<GDALMetadata><Item name="DESCRIPTION" sample="0" role="description">Blue</Item></GDALMetadata>`
//!
//! GDAL escapes a value and then the document with the value in it, and undoes both: so do we.

/// One `<Item>`.
struct Item {
    name: String,
    sample: Option<usize>,
    value: String,
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

/// The metadata that states band descriptions; empty if there are none.
pub(super) fn write(descriptions: &[Option<String>]) -> String {
    let mut xml = String::new();
    for (band, name) in descriptions.iter().enumerate() {
        if let Some(name) = name {
            let name = escape(&escape(name));
            xml += &format!("<Item name=\"DESCRIPTION\" sample=\"{band}\" role=\"description\">{name}</Item>\n");
        }
    }
    if xml.is_empty() { xml } else { format!("<GDALMetadata>\n{xml}</GDALMetadata>\n") }
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
        Some(Item { name: attribute("name")?, sample, value: unescape(&unescape(value)) })
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
