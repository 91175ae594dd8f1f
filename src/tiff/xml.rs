//! Small XML documents as a tree: GDAL's metadata in a tag, and its file beside an image.

use quick_xml::{
    Reader,
    escape::{resolve_predefined_entity, unescape},
    events::{BytesStart, Event},
};

/// Most elements within each other; GDAL's documents have six.
const MAX_DEPTH: usize = 32;

/// An element of a document.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    /// What stands in it outside of its children.
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    /// The outermost element of a document, or what is wrong with it.
    pub(super) fn parse(document: &str) -> Result<Self, String> {
        let mut reader = Reader::from_str(document.trim_start_matches('\u{feff}'));
        // As lenient as GDAL.
        reader.config_mut().allow_dangling_amp = true;
        // The elements that are open, in a root without a name.
        let mut open = vec![Self::default()];
        loop {
            let event = reader.read_event().map_err(|e| format!("byte {}: {e}", reader.error_position()))?;
            let depth = open.len();
            let Some(inner) = open.last_mut() else { break };
            match event {
                Event::Start(_) if depth > MAX_DEPTH => {
                    return Err(format!("more than {MAX_DEPTH} elements within each other"));
                }
                Event::Start(start) => open.push(Self::new(&start)),
                Event::Empty(start) => inner.children.push(Self::new(&start)),
                Event::End(_) => {
                    let closed = open.pop().unwrap_or_default();
                    match open.last_mut() {
                        Some(outer) => outer.children.push(closed),
                        None => break,
                    }
                }
                Event::Text(text) => inner.text.push_str(&text),
                Event::CData(text) => inner.text.push_str(&text),
                Event::GeneralRef(reference) => {
                    match (reference.resolve_char_ref(), resolve_predefined_entity(&reference)) {
                        (Ok(Some(character)), _) => inner.text.push(character),
                        (_, Some(known)) => inner.text.push_str(known),
                        _ => inner.text.push_str(&format!("&{};", &*reference)),
                    }
                }
                Event::Eof => break,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
        match (open.len(), open.pop().and_then(|root| root.children.into_iter().next())) {
            (1, Some(element)) => Ok(element),
            _ => Err("it ends too early".to_owned()),
        }
    }

    fn new(start: &BytesStart<'_>) -> Self {
        let plain = |value: &str| unescape(value).map_or(value.to_owned(), |text| text.into_owned());
        // Unchecked: looking for names that stand twice takes time with the square of their number.
        let mut attributes = start.attributes();
        let attributes = attributes.with_checks(false).flatten();
        let attributes = attributes.map(|a| (a.key.0.to_owned(), plain(&a.value))).collect();
        Self { name: start.name().0.to_owned(), attributes, ..Self::default() }
    }

    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| &value[..])
    }

    /// The children of a name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first element of a name, this one or any within it.
    pub(super) fn find(&self, name: &str) -> Option<&Self> {
        if self.name == name { Some(self) } else { self.children.iter().find_map(|child| child.find(name)) }
    }

    /// The text of the first child of a name, unless it is empty.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.all(name).next().map(|child| child.text.trim()).filter(|text| !text.is_empty())
    }
}
