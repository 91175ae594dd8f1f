//! Of `fuse --report FILE.json`.

use super::Type;
use super::Type::{
    Flag, Keyed, List, Maybe, Measure, Name, Number, Object, Perhaps, Settings, Several, Text, Version, Whole,
};
use super::pair::FACTS;
use trapan::report::SCHEMA;

const INPUT: Type = Object(&[
    ("path", Text, "the file, the first of several"),
    ("sha256", Maybe(&Text), "its checksum; null of what was never a file here"),
    (
        "others",
        List(&Object(&[("path", Text, "file"), ("sha256", Maybe(&Text), "its checksum, or null")])),
        "further files of stacked bands",
    ),
    ("width", Whole, "columns"),
    ("height", Whole, "rows"),
    ("bands", Whole, "bands"),
    ("sample", Text, "type of the values"),
    ("nodata", Maybe(&Number), "the value without data"),
    ("georeferenced", Flag, "whether pixels have coordinates"),
    ("pixel_size", Maybe(&Several(2, &Number)), "sides of a pixel in units of the coordinates"),
]);

const SCALE: Type = Object(&[
    ("offset", Number, "DN of x = 0"),
    ("scale", Number, "DN per unit of x"),
    ("bits", Maybe(&Whole), "bit depth, of values that have one"),
    ("declared", Flag, "whether the bit depth was stated"),
    ("range", Several(2, &Number), "least and greatest DN of a result"),
    ("pan", Several(2, &Number), "factor of PAN, and what is then added"),
    ("bounds", Maybe(&Several(2, &Several(2, &Number))), "of PAN and of MS, beyond which pixels are hot"),
]);

const FUSION: Type = Object(&[
    ("base", List(&Text), "closed form of each band"),
    ("trained", Flag, "whether there is a network"),
    ("left", Maybe(&Measure), "share of the base's squared error that the network leaves"),
    ("left_of_band", List(&Measure), "the same band by band"),
    ("factors", List(&Number), "what the network adds to each band is multiplied by this"),
    ("sides", Whole, "from how many sides it looks"),
    ("nu", List(&Maybe(&Number)), "of the consistency step in each band; null: left alone"),
]);

const SERIES: Type =
    Object(&[("columns", List(&Text), "what the numbers are"), ("rows", List(&List(&Measure)), "step by step")]);

const CHANNELS: Type = Several(3, &Whole);

const TABLE: Type = Object(&[
    ("title", Text, "what it is about"),
    ("note", Text, "how to read it"),
    ("rows_are", Text, "what a row is"),
    (
        "columns",
        List(&Object(&[
            ("name", Text, "what it is"),
            ("unit", Text, "its unit"),
            ("better", Name(&["higher", "lower", "neither"]), "what is good"),
            ("decimals", Whole, "as printed"),
        ])),
        "columns",
    ),
    (
        "rows",
        List(&Object(&[
            ("name", Text, "what it is"),
            ("values", List(&Maybe(&Measure)), "one per column"),
            ("own", Flag, "whether it is this run"),
        ])),
        "rows",
    ),
    ("best", List(&List(&Whole)), "rows with the best value, column by column"),
]);

const MAP: Type = Object(&[
    ("name", Text, "what it shows"),
    ("method", Maybe(&Text), "of which method"),
    ("note", Text, "how to read it"),
    ("unit", Text, "its unit"),
    ("width", Whole, "columns"),
    ("height", Whole, "rows"),
    ("mean", Maybe(&Measure), "mean of the values"),
    (
        "ramp",
        Object(&[
            ("kind", Name(&["sequential", "diverging"]), "sort of colours"),
            ("low", Perhaps(&Measure), "value of the first colour"),
            ("high", Perhaps(&Measure), "value of the last colour"),
            ("limit", Perhaps(&Measure), "value of the last colour, negative of the first"),
        ]),
        "from values to colours",
    ),
]);

/// The report of a run.
pub(super) const REPORT: Type = Object(&[
    ("schema", Version(SCHEMA), "version of this layout"),
    ("versions", FACTS, "of the program and its target"),
    ("method", Text, "how it was fused"),
    (
        "inputs",
        Object(&[("pan", INPUT, "PAN"), ("ms", INPUT, "MS"), ("ratio", Whole, "PAN pixels per MS pixel")]),
        "the pair",
    ),
    ("output", Text, "file of the fused image"),
    ("warnings", List(&Text), "what is to be looked into"),
    ("notes", List(&Text), "what helps to read the numbers"),
    ("device", Text, "what it ran on"),
    ("instruction_set", Maybe(&Text), "of a training on a processor"),
    ("seed", Maybe(&Whole), "seed of all randomness"),
    ("settings", Maybe(&Settings), "settings of the training"),
    ("scale", SCALE, "DN = offset + scale x"),
    (
        "result",
        Maybe(&Object(&[
            ("dam_epoch", Whole, "epoch of the degradation network, from 1"),
            ("dam_loss", Measure, "its mean loss"),
            ("epoch", Whole, "epoch of the fusion network, from 1"),
            ("full_loss", Maybe(&Measure), "the lowest full loss"),
        ])),
        "the weights that were kept",
    ),
    ("fusion", Maybe(&FUSION), "base, network and consistency step"),
    (
        "losses",
        Maybe(&Object(&[
            ("dam", SERIES, "degradation network"),
            ("reduced", SERIES, "reduced steps"),
            ("full", SERIES, "full steps"),
        ])),
        "losses of the training",
    ),
    ("seconds", Keyed(&Number), "by part of the run, and in total"),
    (
        "profile",
        List(&Object(&[
            ("plan", Text, "plan"),
            ("label", Text, "call"),
            ("kernel", Text, "kernel"),
            ("runs", Whole, "how often"),
            ("seconds", Number, "time"),
            ("flops", Whole, "operations of one"),
            ("bytes", Whole, "bytes of one"),
        ])),
        "time per call, where it was taken",
    ),
    (
        "pictures",
        Object(&[
            (
                "colours",
                Object(&[
                    ("natural", CHANNELS, "bands shown as red, green, blue, from 0"),
                    ("infrared", Maybe(&CHANNELS), "bands of the false colours"),
                    ("ms", List(&Several(2, &Number)), "DN that become black and white, band by band"),
                    ("pan", Several(2, &Number), "the same of PAN"),
                ]),
                "how pictures are coloured",
            ),
            ("overview_step", Whole, "PAN pixels per pixel of the overview"),
            ("detail_origin", Several(2, &Whole), "first column and row of the detail"),
            ("detail_size", Several(2, &Whole), "its columns and rows"),
        ]),
        "where the pictures lie",
    ),
    (
        "spectra",
        List(&Object(&[
            ("column", Whole, "column of PAN"),
            ("row", Whole, "row of PAN"),
            ("pan", Measure, "PAN there"),
            ("upsampled", List(&Measure), "upsampled MS there"),
            ("fused", List(&Measure), "the result there"),
        ])),
        "spectra of a few places",
    ),
    ("tables", List(&TABLE), "tables; the first is about the bands"),
    ("added", MAP, "where fusing has changed upsampled MS"),
    ("maps", List(&MAP), "errors and distortions"),
]);
