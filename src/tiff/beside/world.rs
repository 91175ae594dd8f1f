//! World files: six numbers, one a line, that map the centres of pixels.

use std::path::{Path, PathBuf};

use super::super::Affine;

/// Where the world file of an image can be: `.tfw` of `.tif`, then `.tifw`, then `.wld`.
pub(super) fn names(image: &Path) -> Vec<PathBuf> {
    let extension = image.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let ends = [extension.chars().next(), extension.chars().last()].into_iter().flatten().collect::<String>();
    let small = [format!("{ends}w"), format!("{extension}w"), "wld".to_owned()];
    small.iter().flat_map(|end| [end.clone(), end.to_uppercase()]).map(|end| image.with_extension(end)).collect()
}

/// The map of outer corners that a world file states.
pub(super) fn parse(text: &str) -> Result<Affine, String> {
    let numbers: Option<Vec<f64>> =
        text.split_whitespace().take(6).map(|word| word.replacen(',', ".", 1).parse().ok()).collect();
    let Some([dx, ry, rx, dy, x, y]) = numbers.as_deref() else {
        return Err("a world file is six numbers".to_owned());
    };
    let centre = Affine { x0: *x, dx: *dx, rx: *rx, y0: *y, ry: *ry, dy: *dy };
    let [x0, y0] = centre.at(-0.5, -0.5);
    Affine { x0, y0, ..centre }.checked().ok_or_else(|| "its numbers map all pixels to a line".to_owned())
}
