//! Of manifests: entries, records, `status`.

use super::Type::{Either, Flag, Keyed, List, Maybe, Name, Number, Object, Perhaps, Text, Version, Whole};
use super::{Field, Type};
use crate::cli::many::manifest::Action;
use crate::cli::many::status::STATES;

const FIELDS: &[Field] = &[
    ("run", Name(Action::NAMES), "what it does"),
    ("reads", List(&Text), "PAN and MS, or the folder of a product; of assemble the strips"),
    ("model", Perhaps(&Text), "networks that apply takes"),
    ("strip", Perhaps(&Text), "K/N, the strip of rows that apply fuses; without it all"),
    ("output", Text, "what it writes"),
    (
        "options",
        Perhaps(&Keyed(&Either(&[Text, Number, Flag, List(&Either(&[Text, Number]))]))),
        "options of `fuse`, as in a file for --config",
    ),
];

/// An entry of a manifest. Files are named from where that lies.
pub(super) const ENTRY: Type = Object(FIELDS);

const STAMP: Type = Object(&[
    ("path", Text, "the file, as seen from the manifest, or an address without its query"),
    ("bytes", Whole, "its size"),
    ("modified", Whole, "when it was changed: nanoseconds since 1970, 0 where a server does not say"),
    ("sha256", Perhaps(&Text), "checksum of its contents; not of what lies at an address"),
    ("etag", Perhaps(&Text), "what a server calls the contents at an address"),
]);

/// What has become of an entry.
pub(super) const RECORD: Type = Object(&[
    ("schema", Version(1), "version of this layout"),
    ("state", Name(&["begun", "done", "failed"]), "begun also of a worker that was killed"),
    ("entry", ENTRY, "the entry as it was"),
    ("inputs", List(&STAMP), "what it read, before it began"),
    ("output", Maybe(&STAMP), "what it wrote"),
    ("shift", Perhaps(&List(&Number)), "of train: how far PAN lies off MS, in PAN pixels down and to the right"),
    ("program", Text, "version of trapan"),
    ("worker", Text, "host and process"),
    ("began", Whole, "seconds since 1970"),
    ("seconds", Maybe(&Number), "how long it took"),
    ("error", Maybe(&Text), "why it failed"),
    ("exit_code", Maybe(&Whole), "the program's, of an entry that failed"),
]);

/// Of `status --json`.
pub(super) const STATUS: Type = List(&Object(&[
    ("index", Whole, "number of the entry"),
    ("run", Name(Action::NAMES), "what it does"),
    ("after", List(&Whole), "entries that it waits for"),
    ("reads", List(&Text), "what it reads, as the manifest names it"),
    ("output", Text, "what it writes"),
    ("state", Name(STATES), "changed: done once, but not as it is now"),
    ("seconds", Maybe(&Number), "how long it took"),
    ("error", Maybe(&Text), "why it failed"),
]));
