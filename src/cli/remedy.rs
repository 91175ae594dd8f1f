//! What the library advises, as flags and commands.

use std::fmt::Display;

use trapan::remedy::{Note, Remedy, digits};

use super::settings::flag;

/// A text of the library with its remedy in words of the command line.
pub(super) fn in_flags(text: &dyn Display, remedy: Option<Remedy>) -> String {
    let mut text = text.to_string();
    if let Some(remedy) = remedy {
        let words = remedy.to_string();
        let place = match &remedy {
            // What is wrong begins its error.
            Remedy::Setting(_) if text.starts_with(&format!("{words} is ")) => Some(0),
            // The bands there are follow.
            Remedy::OtherBand(_) | Remedy::OtherPanBand(_) => {
                text.rfind(&format!(": {words}: ")).map(|colon| colon + 2)
            }
            // A file comes before what to do about it.
            _ => text.rfind(&words),
        };
        if let Some(start) = place {
            text.replace_range(start..start + words.len(), &flags(&remedy));
        }
    }
    text
}

/// A note likewise.
pub(super) fn noted(note: &Note) -> String {
    in_flags(note, note.remedy.clone())
}

fn flags(remedy: &Remedy) -> String {
    match remedy {
        Remedy::Setting(name) => format!("--{}", flag(name)),
        Remedy::Nodata(values) => {
            let values: Vec<String> = values.iter().map(|value| digits(*value)).collect();
            format!("give --nodata={}", values.join(","))
        }
        Remedy::NodataOrFile(value) => format!("give --nodata={value:e}, else correct the file"),
        Remedy::AssumeAligned => {
            "give --assume-aligned=area, if they share their centre (Landsat) --assume-aligned=centre".into()
        }
        Remedy::NameFiles => "by --pan and --ms".into(),
        Remedy::ChooseBands => "as --ms-bands 1,2,5".into(),
        Remedy::PanBand => "as --pan-band 1 or --pan-band mean".into(),
        Remedy::OtherBand(wanted) => format!("--ms-bands {wanted}"),
        Remedy::OtherPanBand(wanted) => format!("--pan-band {wanted}"),
        Remedy::Overwrite => "--overwrite".into(),
        Remedy::Coregister => "--coregister".into(),
        Remedy::RequireShift => "--coregister=require".into(),
        Remedy::Gains => "give --mtf-gains with one gain per band, or --sensor generic".into(),
        Remedy::Upsample => "--upsample is interp23 (as --preset paper has it)".into(),
        Remedy::Train => "trapan fuse".into(),
        Remedy::Memory(limit) => format!("--max-memory {} MB", limit / 1_000_000),
        Remedy::ListDevices => "run `trapan devices` to see what there is, or use --device cpu".into(),
        Remedy::Selftest => "run `trapan selftest`, update the driver or use --device cpu".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::CliError;
    use trapan::classical::Method;
    use trapan::engine::EngineError;
    use trapan::method::{Coregistration, MethodError};
    use trapan::scene::{GeometryError, SceneError};
    use trapan::tiff::TiffError;

    /// Those that the pinned runs do not meet.
    #[test]
    fn advice_names_flags() {
        let path = || "a --overwrite.tif".into();
        let said: [(CliError, &str); 10] = [
            (
                TiffError::Bands {
                    path: path(),
                    wanted: "1".into(),
                    why: "so",
                    there: "1 to 2 (band 1, band 10)".into(),
                    alone: false,
                }
                .into(),
                "a --overwrite.tif: --ms-bands 1: so; choose among 1 to 2 (band 1, band 10)",
            ),
            (
                TiffError::Bands { path: path(), wanted: "9".into(), why: "so", there: "1 to 2".into(), alone: true }
                    .into(),
                "a --overwrite.tif: --pan-band 9: so; choose among 1 to 2",
            ),
            (
                SceneError::Outlier { path: path(), band: 1, row: 2, column: 3, value: 5e5, usual: 4.0 }.into(),
                "training would see nothing else; if it stands for no data give --nodata=5e5, else correct the file",
            ),
            (
                MethodError::Memory { method: Method::Tv, needed: 2_000_000, memory: 1_500_000 }.into(),
                "tv goes over the whole image again and again and holds 2 MB, more than --max-memory 1 MB: allow that \
                 much, or take a closed form, as mtf-glp-hpm-r",
            ),
            (
                MethodError::Upsample { phase: [0.5, 1.0], ratio: 3 }.into(),
                "--upsample is interp23 (as --preset paper has it): it must be cubic on this pair: interp23 was made for \
                 ratios 2, 4 and 8 and MS pixels that cover whole blocks of PAN pixels, and here the centre of the first \
                 lies at row 0.5, column 1 of PAN at ratio 3",
            ),
            (
                MethodError::Misfit { what: "bands", model: "4".into(), scene: "3".into() }.into(),
                "the model was trained for bands 4, the scene has 3: train on this scene (trapan fuse)",
            ),
            (
                MethodError::Setting { name: "adam.beta1", value: "2".into(), wanted: "0 to 1, 1 excluded".into() }
                    .into(),
                "--adam-beta1 is 2: it must be 0 to 1, 1 excluded",
            ),
            (
                EngineError::OutOfMemory { device: "the device".into(), bytes: 9 }.into(),
                "the device is out of memory for 9 bytes: use a smaller image or --device cpu",
            ),
            (
                EngineError::Device { device: "GPU".into(), reason: "lost".into() }.into(),
                "GPU failed: lost; run `trapan selftest`, update the driver or use --device cpu",
            ),
            (
                SceneError::from(TiffError::Exists { path: path() }).into(),
                "a --overwrite.tif: exists already; give another name or --overwrite",
            ),
        ];
        for (error, wanted) in said {
            assert!(error.to_string().ends_with(wanted), "{error}");
        }
        let refused = GeometryError::Misregistered { why: "so".into(), fix: "walk".into() };
        let found = [Coregistration::Far([9.0, 0.0]), Coregistration::Refused(refused)];
        let found = found.map(|found| in_flags(&found, found.remedy()));
        assert!(found[0].ends_with("if the georeference is wrong, correct it with --coregister=require"), "{found:?}");
        assert!(found[1].ends_with("the shift between PAN and MS cannot be corrected: so; walk"), "{found:?}");
    }
}
