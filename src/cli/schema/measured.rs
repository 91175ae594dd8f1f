//! Of what is measured: `bench`, and the steps of a training.

use super::Type::{Either, Joined, List, Measure, Name, Number, Object, Several, Text, Version, Whole};
use super::{Field, Type};
use trapan::method::config::Backbone;

const ROW: &[Field] = &[
    ("name", Text, "what ran"),
    ("shape", List(&Whole), "of the first tensor"),
    ("kernels", List(&Text), "the kernels of it"),
    ("flops", Whole, "operations"),
    ("bytes", Whole, "bytes of each tensor once"),
    ("seconds", Measure, "time"),
    ("gflop_s", Measure, "10^9 operations a second"),
    ("gb_s", Measure, "10^9 bytes a second"),
    ("roofline", Measure, "least time by the ceilings, over the time"),
];

const COUNT: &[Field] = &[("count", Whole, "how many a fusion takes")];

/// Of `bench`.
pub(super) const BENCH: Type = Object(&[
    ("schema", Version(1), "version of this layout"),
    ("trapan", Text, "version of the program"),
    ("device", Text, "what it ran on"),
    ("precision", Text, "numbers that convolutions multiply"),
    ("convolution", Text, "how they are computed"),
    ("side", Whole, "pixels of PAN along a side"),
    ("bands", Whole, "bands of MS"),
    ("backbone", Name(Backbone::NAMES), "the fusion network"),
    (
        "ceilings",
        Object(&[
            ("copy_gb_s", Measure, "10^9 bytes copied a second"),
            ("fma_gflop_s", Measure, "10^9 operations a second of fused multiply-adds"),
        ]),
        "what the device can do",
    ),
    ("kernels", List(&Object(ROW)), "each kernel"),
    ("steps", List(&Joined(&[ROW, COUNT])), "each step of the training"),
    ("memory_bytes", Whole, "memory of the model"),
    (
        "fuse",
        Object(&[
            ("side", Whole, "pixels of PAN along a side"),
            ("bands", Whole, "bands of MS"),
            ("seconds", Measure, "time of the steps of a fusion"),
        ]),
        "a default fusion",
    ),
]);

/// Of `bench --growth`.
pub(super) const GROWTH: Type = Object(&[
    ("schema", Version(1), "version of this layout"),
    ("trapan", Text, "version of the program"),
    ("device", Text, "what it ran on"),
    (
        "growth",
        List(&Object(&[
            ("side", Whole, "pixels of PAN along a side"),
            ("bands", Whole, "bands of MS"),
            ("seconds", Measure, "time of a full step"),
            ("bytes", Whole, "memory"),
            ("ns_per_pixel", Measure, "time per pixel of PAN"),
        ])),
        "size by size",
    ),
]);

const PLACE: &[Field] = &[("epoch", Whole, "from 1"), ("sample", Whole, "window, from 0")];
const TURN: &[Field] = &[("turn", Whole, "symmetry that the weights were turned by")];

/// A step of a training.
pub(super) const STEP: Type = Either(&[
    Joined(&[
        &[("phase", Name(&["dam"]), "degradation network")],
        PLACE,
        &[("crop", Whole, "of the ten, from 0"), ("loss", Measure, "mean squared error")],
    ]),
    Joined(&[
        &[("phase", Name(&["reduced"]), "fusion network on the degraded pair")],
        PLACE,
        TURN,
        &[("crops", List(&Several(3, &Whole)), "row, column and flip, in MS pixels"), ("loss", Measure, "mean error")],
    ]),
    Joined(&[
        &[("phase", Name(&["full"]), "fusion network on the pair")],
        PLACE,
        TURN,
        &[
            ("spectral", Measure, "error to PAN"),
            ("spatial", Measure, "error to MS"),
            ("loss", Number, "both, weighted"),
        ],
    ]),
]);
