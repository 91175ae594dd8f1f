//! Text from outside (names of files, bands and devices) as it may be shown to people.

use std::borrow::Cow;

/// Whether a character moves the cursor, ends a line or turns the direction of reading: what a name
/// could use to look like another, or like a message of ours.
pub(super) fn is_hidden(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// A text on one line, its control characters and marks of direction escaped as in Rust: `\n`, `\u{1b}`, `\u{202e}`.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden, |c| c.escape_default().to_string())
}

/// JSON whose strings show their hidden characters as `\u202e`; it means the same.
pub fn visible_json(json: &str) -> Cow<'_, str> {
    // Line ends stand between values: in strings they are escaped already. None of the others is beyond 16 bits.
    escaped(json, |c| is_hidden(c) && c != '\n', |c| format!("\\u{:04x}", u32::from(c)))
}

fn escaped(text: &str, hidden: impl Fn(char) -> bool, escape: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.contains(&hidden) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if hidden(c) { escape(c) } else { c.to_string() }).collect())
}
