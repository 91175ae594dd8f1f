//! Of a pair: `info`, and lists of pairs.

use super::Type::{
    Either, Flag, Keyed, List, Maybe, Measure, Name, Number, Object, Perhaps, Several, Text, Version, Whole,
};
use super::{Field, Type};
use trapan::method::config::Sensor;

const FILE: Type = Object(&[
    ("path", Text, "the file, the first of several"),
    ("width", Whole, "columns"),
    ("height", Whole, "rows"),
    ("bands", Whole, "bands that hold values"),
    ("descriptions", List(&Maybe(&Text)), "names of the bands"),
    ("beside", List(&Text), "files beside it that were read"),
    ("sample", Text, "type of the values in the file"),
    ("bits_declared", Maybe(&Whole), "significant bits, where the file states them"),
    ("bits", Maybe(&Whole), "significant bits, stated or found; of integers"),
    ("range", Maybe(&Several(2, &Measure)), "least and greatest value found"),
    ("nodata", Maybe(&Either(&[Number, Text])), "the value without data; as text where it is not finite"),
    ("pixels_seen", Maybe(&Whole), "pixels looked at"),
    ("pixels_invalid", Maybe(&Whole), "pixels without data among them"),
    ("epsg", Maybe(&Whole), "code of the coordinate system"),
    ("pixel_size", Maybe(&Several(2, &Number)), "sides of a pixel in units of the coordinates"),
    ("pixel_is_point", Flag, "whether coordinates name the centre of a pixel"),
]);

const AXIS: Type = Object(&[
    ("phase", Number, "row or column of PAN where the centre of the first pixel of MS lies"),
    ("alignment", Name(&["area-aligned", "centre-aligned", "between pixels"]), "the same in words"),
]);

/// Columns and rows of a part.
pub(super) const WINDOW: Type = Object(&[
    ("x", Whole, "first column"),
    ("y", Whole, "first row"),
    ("width", Whole, "columns"),
    ("height", Whole, "rows"),
]);

const SHIFT: Type = Object(&[
    ("rows", Number, "PAN lies so many of its rows below MS"),
    ("columns", Number, "PAN lies so many of its columns to the right of MS"),
    ("spread", Several(2, &Number), "how the windows differ, rows and columns"),
    ("drift", Several(2, &Number), "how far the shift changes over the area, rows and columns"),
    ("edge_correlation", Number, "correlation of edges at this shift"),
    (
        "windows",
        List(&Object(&[
            ("at", Several(2, &Number), "row and column of PAN"),
            ("shift", Several(2, &Number), "rows and columns found there"),
            ("error", Number, "standard error of that"),
        ])),
        "where it was measured",
    ),
]);

const ESTIMATE: Type = Object(&[
    ("training_flop", Number, "operations of a training"),
    ("inference_flop", Number, "operations of applying it"),
    (
        "cpu",
        Object(&[
            ("threads", Whole, "threads"),
            ("isa", Text, "instruction set"),
            ("seconds", Number, "time"),
            ("bytes", Whole, "memory"),
        ]),
        "on this machine's processor",
    ),
    (
        "gpus",
        List(&Object(&[
            ("device", Text, "as --device takes it"),
            ("name", Text, "what it is"),
            ("bytes", Whole, "its memory that is taken"),
        ])),
        "on each adapter",
    ),
]);

/// Of `info`. What begins with `ratio` is there where the images lie on each other.
pub(super) const INFO: Type = Object(&[
    ("schema", Version(1), "version of this layout"),
    ("pan", FILE, "PAN"),
    ("ms", FILE, "MS"),
    ("verdict", Name(&["fits", "can be fused; see the warnings", "cannot be fused as it is"]), "in short"),
    ("notes", List(&Text), "how files were read"),
    ("problem", Maybe(&Text), "why the pair cannot be fused"),
    ("ratio", Perhaps(&Whole), "PAN pixels per MS pixel"),
    ("rows", Perhaps(&AXIS), "how the rows lie on each other"),
    ("columns", Perhaps(&AXIS), "how the columns lie on each other"),
    (
        "area",
        Perhaps(&Object(&[
            ("pan", WINDOW, "in PAN"),
            ("ms", WINDOW, "in MS"),
            ("notes", List(&Text), "what is left out"),
        ])),
        "what both images show",
    ),
    ("shift", Perhaps(&Maybe(&SHIFT)), "by how much PAN lies off MS; null where that cannot be measured"),
    (
        "coregistration",
        Perhaps(&Object(&[
            ("corrected", Maybe(&Several(2, &Number)), "rows and columns that fusing corrects"),
            ("why", Text, "why, or why not"),
        ])),
        "what fusing does about the shift",
    ),
    ("correlation", Perhaps(&Maybe(&List(&Measure))), "of PAN with each band"),
    ("estimate", Perhaps(&ESTIMATE), "what fusing takes"),
    ("warnings", Perhaps(&List(&Text)), "what is to be looked into"),
]);

const ENTRY: &[Field] = &[
    ("name", Perhaps(&Maybe(&Text)), "what its results are called; for `plan`"),
    ("pan", Text, "PAN, a file named from where the list lies"),
    ("ms", Either(&[Text, List(&Text)]), "MS, one file or several"),
    ("truth", Perhaps(&Maybe(&Text)), "what fusing should give"),
    ("sensor", Perhaps(&Maybe(&Name(Sensor::NAMES))), "whose pair it is"),
    ("validation", Perhaps(&Flag), "whether it judges and is not learnt from"),
];

/// A pair of a list.
pub(super) const PAIR: Type = Object(ENTRY);

/// Any keys with text or numbers.
pub(super) const FACTS: Type = Keyed(&Either(&[Text, Number]));
