//! The rooms of the source, and which may call which: what `src/lib.rs` and `doc/ARCHITECTURE.md` say is so.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each room with the rooms that it names, from the bottom to the top: a room names only rooms above it in this list.
const ROOMS: [(&str, &[&str]); 19] = [
    ("graph", &[]),
    ("filter", &[]),
    ("linalg", &[]),
    ("remedy", &[]),
    ("tiff", &["remedy"]),
    ("kernels", &["graph"]),
    // The CPU engine picks the instruction set of the kernels, and memory that suits it.
    ("engine", &["graph", "kernels", "remedy"]),
    ("net", &["graph", "kernels"]),
    ("classical", &["filter", "linalg"]),
    ("consistency", &["filter"]),
    ("scene", &["filter", "linalg", "remedy", "tiff"]),
    ("product", &["remedy", "tiff"]),
    ("quality", &["filter", "linalg", "remedy", "tiff", "scene"]),
    ("method", &["graph", "filter", "remedy", "tiff", "kernels", "engine", "net", "classical", "consistency", "scene"]),
    ("simulate", &["filter", "remedy", "tiff", "scene", "method"]),
    ("compare", &["filter", "remedy", "tiff", "engine", "classical", "scene", "quality", "method"]),
    ("report", &["remedy", "tiff", "engine", "scene", "quality", "method"]),
    ("bench", &["graph", "kernels", "engine", "method"]),
    // It names the library as another crate would, and calls what is public.
    ("cli", &[]),
];

#[test]
fn rooms_name_only_rooms_below() {
    let mut wrong = Vec::new();
    for (i, (room, below)) in ROOMS.iter().enumerate() {
        let lower: Vec<&str> = ROOMS[..i].iter().map(|(name, _)| *name).collect();
        assert!(below.iter().all(|name| lower.contains(name)), "{room} may name what is not below it");
        let mut named = BTreeSet::new();
        for path in files(&source().join(room)).into_iter().chain(file(room)) {
            let text = std::fs::read_to_string(&path).expect("source is readable");
            let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            for name in code.split("crate::").skip(1).flat_map(first_names) {
                // What tests beside the code share is no room.
                if name != *room && name != "support" && !below.contains(&name) {
                    wrong.push(format!("{} names {name}", path.display()));
                }
                named.insert(name.to_owned());
            }
        }
        // An arrow that nobody uses is none.
        wrong.extend(
            below.iter().filter(|name| !named.contains(**name)).map(|name| format!("{room} never names {name}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_room_is_described() {
    let mut rooms: Vec<String> =
        std::fs::read_dir(source()).expect("a folder").map(|entry| stem(&entry.expect("one").path())).collect();
    rooms.retain(|name| !["lib", "main"].contains(&&name[..]));
    rooms.sort();
    let mut listed: Vec<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    listed.sort_unstable();
    assert_eq!(rooms, listed);
    let [library, page] = ["src/lib.rs", "doc/ARCHITECTURE.md"]
        .map(|path| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a text"));
    for room in rooms.iter().filter(|room| !["cli", "linalg", "remedy"].contains(&&room[..])) {
        assert!(library.contains(&format!("{room}`]:")), "{room} in lib.rs");
        assert!(
            page.contains(&format!("| `src/{room}/`")) || page.contains(&format!("`src/{room}/` |")),
            "{room} in ARCHITECTURE.md"
        );
    }
}

/// The rooms at the head of what follows `crate::`: one, or those of a list in braces.
fn first_names(rest: &str) -> Vec<&str> {
    let word = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').len();
    let Some(list) = rest.strip_prefix('{') else { return vec![&rest[..word(rest)]] };
    let (mut names, mut depth, mut at_head) = (Vec::new(), 0, true);
    for (i, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_head = true,
            c if at_head && !c.is_whitespace() => {
                names.push(&list[i..i + word(&list[i..])]);
                at_head = false;
            }
            _ => {}
        }
    }
    names
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// A room that is one file.
fn file(room: &str) -> Option<PathBuf> {
    Some(source().join(format!("{room}.rs"))).filter(|path| path.is_file())
}

fn stem(path: &Path) -> String {
    path.file_stem().expect("a file").to_string_lossy().into_owned()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("entry is readable").path());
    let found = paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    found.filter(|path| path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs")).collect()
}
