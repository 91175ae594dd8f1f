//! Of what is judged: `assess`, `compare`, `experiment`.

use super::Type::{
    Joined, List, Maybe, Measure, Name, Number, Object, Perhaps, Settings, Several, Text, Version, Whole,
};
use super::pair::WINDOW;
use super::{Field, Type};
use trapan::method::config::Sensor;

const FULL: Type = Object(&[
    ("d_lambda", Measure, "spectral distortion of Khan, 0 is best"),
    ("d_s", Measure, "spatial distortion, 0 is best"),
    ("hqnr", Measure, "(1 - d_lambda) (1 - d_s), 1 is best"),
    ("d_s_regression", Measure, "share of PAN that the bands do not explain, 0 is best"),
    ("blocks", Whole, "blocks of 32x32 PAN pixels"),
    ("blocks_left_out", Whole, "blocks that nodata reaches"),
]);

const CONSISTENCY: Type = Object(&[
    ("q2n", Measure, "Q2n, 1 is best"),
    ("sam", Measure, "mean spectral angle in degrees, 0 is best"),
    ("ergas", Measure, "relative error over all bands, 0 is best"),
]);

const REDUCED: Type = Object(&[
    ("q2n", Measure, "Q2n, 1 is best"),
    ("sam", Measure, "mean spectral angle in degrees, 0 is best"),
    ("ergas", Measure, "relative error over all bands, 0 is best; null where it is infinite"),
    ("scc", Measure, "likeness of edges, 1 is best"),
    ("psnr", Measure, "peak signal to noise in dB; null where there is no error"),
    ("ssim", Measure, "structural similarity, 1 is best"),
    ("q_avg", Measure, "universal quality index, 1 is best"),
    ("rmse", Measure, "root mean square error, DN"),
    ("level", Measure, "root mean square of the fused image over that of the truth"),
    ("pixels", Whole, "pixels compared"),
    ("pixels_left_out", Whole, "invalid ones"),
    ("blocks", Whole, "blocks of 32x32 pixels"),
    ("blocks_left_out", Whole, "blocks that nodata reaches"),
]);

const DISTORTION: Type = Object(&[
    ("toolbox", Perhaps(&FULL), "MS upsampled as the DLPan toolbox does"),
    ("true", Perhaps(&FULL), "MS upsampled to the true grid"),
]);

/// Of `assess` without a truth.
pub(super) const ASSESS: Type = Object(&[
    ("schema", Version(1), "version of this layout"),
    ("pan", Maybe(&Text), "PAN"),
    ("ms", List(&Text), "MS"),
    ("fused", Text, "the image that is judged"),
    ("sensor", Name(Sensor::NAMES), "whose gains counted"),
    ("ms_gains", List(&Number), "MTF gains at Nyquist, one per band"),
    ("pan_gain", Number, "MTF gain of PAN"),
    ("ratio", Whole, "PAN pixels per MS pixel"),
    ("size", Several(2, &Whole), "rows and columns judged"),
    ("toolbox_offset", Maybe(&Several(2, &Number)), "PAN pixels by which the toolbox's upsampled MS is off"),
    ("distortion", DISTORTION, "full resolution, no reference"),
    ("consistency", Maybe(&CONSISTENCY), "degraded again, against MS; null where MS is too small"),
    (
        "commutation",
        Object(&[
            ("response", Name(&["trained", "linear"]), "what stands for PAN's response"),
            ("rms", Measure, "how far the degradations are from commuting, DN"),
            ("relative", Measure, "the same, of the deviation of PAN"),
        ]),
        "degrading in space and in spectrum, in either order",
    ),
    ("warnings", List(&Text), "what is to be looked into"),
]);

/// Of `assess` by a truth.
pub(super) const ASSESS_TRUTH: Type = Object(&[
    ("schema", Version(1), "version of this layout"),
    ("truth", Text, "the truth"),
    ("fused", Text, "the image that is judged"),
    ("ratio", Whole, "PAN pixels per MS pixel of the fusion"),
    ("peak", Number, "largest possible value"),
    ("window", WINDOW, "what is judged"),
    ("scores", REDUCED, "indices"),
    ("warnings", List(&Text), "what is to be looked into"),
]);

/// Of `compare`.
pub(super) const COMPARE: Type = Object(&[
    (
        "methods",
        List(&Object(&[
            ("method", Text, "how it was fused"),
            ("full", FULL, "full resolution, no reference"),
            ("consistency", CONSISTENCY, "the result degraded again, against MS"),
            ("reduced", Maybe(&REDUCED), "the degraded pair, fused, against MS; null where it is too small"),
            ("seconds", Number, "time, training included"),
        ])),
        "method by method",
    ),
    ("truth", Maybe(&FULL), "what MS itself scores on the degraded pair without reference"),
]);

const SPREAD: Type =
    Object(&[("mean", Number, "mean over the seeds"), ("deviation", Number, "standard deviation over the seeds")]);

/// Of `experiment`.
pub(super) const EXPERIMENT: Type = List(&Object(&[
    ("study", Text, "name of the ablation"),
    ("title", Text, "the paper's table or figure"),
    (
        "rows",
        List(&Object(&[
            ("name", Text, "the setting"),
            ("d_lambda", Maybe(&SPREAD), "spectral distortion"),
            ("d_s", Maybe(&SPREAD), "spatial distortion"),
            ("hqnr", Maybe(&SPREAD), "(1 - d_lambda) (1 - d_s)"),
            ("consistency_ergas", Maybe(&SPREAD), "ERGAS of the result, degraded again"),
            ("runs", Whole, "runs that ended well"),
            ("diverged", Whole, "runs that did not"),
        ])),
        "setting by setting",
    ),
]));

const KEY: &[Field] = &[
    ("version", Text, "of the program"),
    ("pair", Several(2, &Text), "SHA-256 of PAN and MS"),
    ("truth", Perhaps(&Text), "SHA-256 of the truth"),
    ("init", Perhaps(&Text), "SHA-256 of the file that trainings start from"),
    ("geometry", Text, "how they lie on each other"),
    ("settings", Settings, "settings of the run"),
    ("network", Perhaps(&Text), "SHA-256 of a network that is applied as it is"),
    ("scale", Perhaps(&Whole), "how often degraded what is learnt from is, from 1"),
    ("course", Perhaps(&COURSE), "how the truth there is learnt from"),
];

const COURSE: Type = Object(&[
    ("patch", Whole, "pixels of a patch's side"),
    ("patches", Whole, "patches in a step"),
    ("steps", Whole, "steps"),
    ("every", Whole, "steps between two looks at pairs that judge"),
]);

const BY_TRUTH: &[Field] = &[
    ("q2n", Number, "Q2n, 1 is best"),
    ("sam", Number, "mean spectral angle in degrees, 0 is best"),
    ("ergas", Number, "relative error over all bands, 0 is best"),
    ("psnr", Number, "peak signal to noise in dB"),
];

const CURVE: Type = List(&Several(2, &Number));

const RESULT: &[Field] = &[
    (
        "scores",
        Maybe(&Object(&[
            ("d_lambda", Measure, "spectral distortion"),
            ("d_s", Measure, "spatial distortion"),
            ("hqnr", Measure, "(1 - d_lambda) (1 - d_s)"),
            ("consistency_ergas", Measure, "ERGAS of the result, degraded again"),
            ("truth", Perhaps(&Object(BY_TRUTH)), "by the truth"),
            ("commutation", Perhaps(&Number), "how far the two degradations are from commuting"),
        ])),
        "null of a run that diverged",
    ),
    ("seconds", Number, "time"),
    ("place", Text, "file of PAN"),
    ("under", Text, "what was asked for, in words"),
    ("rows", List(&ROW), "rows of studies that it is"),
    ("scales", Perhaps(&List(&Joined(&[AT_SCALE, BY_TRUTH]))), "by the truth at several scales"),
    (
        "losses",
        Perhaps(&Object(&[("reduced", CURVE, "of reduced steps"), ("full", CURVE, "of full steps")])),
        "means of epochs: [epoch, loss]",
    ),
];

const ROW: Type =
    Object(&[("study", Text, "its name"), ("row", Text, "name of the row"), ("at", Whole, "which it is, from 0")]);

const AT_SCALE: &[Field] = &[("scale", Whole, "from 1, the pair's own")];

/// A finished run of an experiment.
pub(super) const EXPERIMENT_RUN: Type = Joined(&[KEY, RESULT]);
