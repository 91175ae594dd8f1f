//! Transparency: which band a file marks as it, and whether it can be.

use std::collections::BTreeSet;

use super::{
    Window,
    directory::Directory,
    error::TiffError,
    image::{BandSlot, TiffImage},
    tags::{ExtraSamples, Tag},
};

/// Windows to each side of an image that are looked at, and their side in pixels.
const WINDOWS: usize = 4;
const SIDE: usize = 64;
/// Most different values of a mask: it has two, with smooth edges some more.
const MASK_VALUES: usize = 64;

/// The band that is marked as transparency: ExtraSamples describes the last bands, two of its kinds are alpha.
pub(super) fn marked(tiff: &Directory<'_>, bands: usize) -> Result<Option<usize>, TiffError> {
    let extra = tiff.uints(Tag::ExtraSamples)?.unwrap_or_default();
    let is_alpha = |kind: &u64| {
        let kind = u16::try_from(*kind).ok().and_then(ExtraSamples::from_u16);
        matches!(kind, Some(ExtraSamples::AssociatedAlpha | ExtraSamples::UnassociatedAlpha))
    };
    let alpha = extra.iter().rposition(is_alpha);
    // A file of nothing but transparency is a picture of it.
    Ok(alpha.and_then(|i| (bands + i).checked_sub(extra.len())).filter(|_| bands > 1))
}

/// Whether a band has the values of a spectrum: GDAL marks the fourth of four bands as transparency unless it is told
/// not to, and then near infrared is lost. A mask is 0 and one other value nearly everywhere.
pub(super) fn is_spectrum(image: &TiffImage, band: usize) -> Result<bool, TiffError> {
    let size = [image.storage.width, image.storage.height];
    let starts = |length: usize| {
        let last = length.saturating_sub(SIDE);
        (0..WINDOWS).map(|i| i * last / (WINDOWS - 1)).collect::<BTreeSet<_>>()
    };
    let (mut values, mut seen) = (BTreeSet::new(), Vec::new());
    for y in starts(size[1]) {
        for x in starts(size[0]) {
            let window = Window { x, y, width: SIDE.min(size[0]), height: SIDE.min(size[1]) };
            let mut data = vec![0.0; window.width * window.height];
            image.read(window, &[BandSlot { band, at: 0, fill: 0.0 }], &mut data, 1)?;
            values.extend(data.iter().map(|v| v.to_bits()));
            seen.extend(data.into_iter().filter(|v| *v != 0.0));
        }
    }
    let opaque = seen.iter().copied().fold(0.0, f32::max);
    let between = seen.iter().filter(|v| **v != opaque).count();
    Ok(values.len() > MASK_VALUES && 2 * between > seen.len())
}
