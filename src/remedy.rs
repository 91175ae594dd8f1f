//! What to do about an error or a warning, in terms of this library.
//!
//! The sentences of errors and of [`Note`]s contain the words of their remedy, so they can be shown as they are. A
//! program whose users call these things otherwise, by flags or buttons, asks for the remedy and puts its own words in
//! the place of those.

use std::fmt;

/// What helps, where a user has to call it by name.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Remedy {
    /// Another value of this setting: a field of [`Config`](crate::method::Config) or another choice.
    Setting(&'static str),
    /// One value of pixels without data, or that of PAN and that of MS.
    Nodata(Vec<f64>),
    /// This value as that of pixels without data, or another file.
    NodataOrFile(f32),
    /// To state how images without georeference lie on each other.
    AssumeAligned,
    /// To name PAN and MS instead of a folder.
    NameFiles,
    /// To fuse some of the bands.
    ChooseBands,
    /// To take one band of several as PAN, or their mean.
    PanBand,
    /// Another band than the one of this name or number.
    OtherBand(String),
    /// Another band as PAN than the one of this name or number.
    OtherPanBand(String),
    /// To write over a file.
    Overwrite,
    /// To correct the shift between PAN and MS, or not to.
    Coregister,
    /// To correct the shift between PAN and MS whatever speaks against it.
    RequireShift,
    /// Gains of one's own, or those of any sensor.
    Gains,
    /// Another interpolator than the published codes' one.
    Upsample,
    /// To train networks of one's own.
    Train,
    /// More memory than these bytes.
    Memory(u64),
    /// One of the devices there are.
    ListDevices,
    /// To find out whether a device computes what it should.
    Selftest,
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Setting(name) => name,
            Self::Nodata(values) => {
                return match &values.iter().map(|value| digits(*value)).collect::<Vec<_>>()[..] {
                    [pan, ms] => write!(f, "set nodata of PAN to {pan} and of MS to {ms}"),
                    values => write!(f, "set nodata to {}", values.join(", ")),
                };
            }
            Self::NodataOrFile(value) => return write!(f, "set nodata to {value:e}, else correct the file"),
            Self::AssumeAligned => {
                "assume Alignment::Area, if they share their centre (Landsat) assume Alignment::Centre"
            }
            Self::NameFiles => "as PAN and as MS",
            Self::ChooseBands => "with Source::choose",
            Self::PanBand => "with Source::choose_one",
            Self::OtherBand(wanted) | Self::OtherPanBand(wanted) => return write!(f, "band {wanted}"),
            Self::Overwrite => "allow overwriting",
            Self::Coregister => "coregistration",
            Self::RequireShift => "Check::corrected",
            Self::Gains => "give ms_gains, one per band, or take Sensor::Generic",
            Self::Upsample => "upsample is interp23 (as Profile::Paper has it)",
            Self::Train => "method::run",
            Self::Memory(limit) => return write!(f, "the limit of {} MB", limit / 1_000_000),
            Self::ListDevices => "look at gpu::adapters to see what there is, or use device cpu",
            Self::Selftest => "run bench::suite, update the driver or use device cpu",
        })
    }
}

/// The shortest digits of a value.
pub fn digits(value: f64) -> String {
    if value.abs() < 1e6 { value.to_string() } else { format!("{value:e}") }
}

/// A sentence for the user, with the remedy it names, if it names one.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// The sentence, with the remedy's words.
    pub text: String,
    /// What to do.
    pub remedy: Option<Remedy>,
}

impl Note {
    /// A sentence with the words of a remedy in it.
    pub(crate) fn with(text: String, remedy: Option<Remedy>) -> Self {
        debug_assert!(remedy.as_ref().is_none_or(|remedy| text.contains(&remedy.to_string())), "{text}: {remedy:?}");
        Self { text, remedy }
    }
}

impl<T: Into<String>> From<T> for Note {
    fn from(text: T) -> Self {
        Self { text: text.into(), remedy: None }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
