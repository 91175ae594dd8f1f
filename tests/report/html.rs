//! Strict checks of an HTML page, with a tokenizer that follows the standard.

use std::collections::BTreeSet;

use html5gum::{DefaultEmitter, HtmlString, StartTag, Token, Tokenizer};

/// Elements without an end tag.
const VOID: [&str; 6] = ["meta", "link", "img", "input", "br", "hr"];
/// Attributes that make a browser load something.
const LOADING: [&str; 7] = ["src", "href", "srcset", "action", "data", "poster", "background"];

/// Fails if the page does not tokenize without an error, tags do not nest, an id comes twice, a picture or a control
/// has no words, anything would be loaded from elsewhere, a handler is in the markup, or a number is not finite.
#[track_caller]
pub fn check(page: &str) {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let (mut open, mut ids, mut text) = (Vec::<String>::new(), BTreeSet::new(), String::new());
    let mut doctype = false;
    for token in Tokenizer::new_with_emitter(page, emitter) {
        match token {
            Ok(Token::Doctype(found)) => doctype = word(&found.name) == "html" && !found.force_quirks,
            Ok(Token::StartTag(tag)) => {
                let name = word(&tag.name);
                start(&name, &tag, &mut ids);
                if !VOID.contains(&name.as_str()) {
                    open.push(name);
                }
            }
            Ok(Token::EndTag(tag)) => assert_eq!(open.pop(), Some(word(&tag.name)), "an end tag in the wrong place"),
            Ok(Token::String(found)) => {
                let inside = open.last().map(String::as_str);
                if inside != Some("script") && inside != Some("style") {
                    text += &word(&found);
                }
            }
            Ok(Token::Comment(_)) => panic!("a comment on the page"),
            Ok(Token::Error(error)) => panic!("not well-formed: {:?}", *error),
            Err(never) => match never {},
        }
    }
    assert!(doctype && open.is_empty(), "doctype: {doctype}, left open: {open:?}");
    assert!(!unfinished(&text), "a value that is none: {text}");
}

/// Whether a word is what programs print for a number that is not finite, or for nothing.
fn unfinished(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).any(|w| ["NaN", "inf", "undefined", "null", "None", "Some"].contains(&w))
}

fn start(name: &str, tag: &StartTag<()>, ids: &mut BTreeSet<String>) {
    let attribute = |wanted: &str| tag.attributes.iter().find(|(k, _)| word(k) == wanted).map(|(_, v)| word(v));
    for (key, value) in &tag.attributes {
        let (key, value) = (word(key), word(value));
        assert!(!key.starts_with("on"), "a handler in the markup: {key}={value}");
        if LOADING.contains(&key.as_str()) {
            assert!(value.starts_with("data:"), "{name} would load {value:.99}");
            continue;
        }
        assert!(!unfinished(&value), "{name} {key}={value}");
        if key == "style" {
            assert!(!value.contains("url("), "{name} would load {value}");
        }
        if key == "id" {
            assert!(ids.insert(value.clone()), "id {value} comes twice");
        }
    }
    if name == "img" {
        assert!(attribute("alt").is_some_and(|alt| !alt.is_empty()), "a picture without words");
    }
    if name == "svg" {
        assert!(attribute("aria-label").is_some() || attribute("aria-hidden").is_some(), "a chart without words");
    }
    if name == "html" {
        assert_eq!(attribute("lang").as_deref(), Some("en"));
    }
}

fn word(text: &HtmlString) -> String {
    String::from_utf8(text.to_vec()).expect("UTF-8")
}
