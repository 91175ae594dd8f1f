//! Parts of an image.

/// A part of an image, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// Its first column.
    pub x: usize,
    /// Its first row.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Window {
    /// Whether it is not empty and lies within an image of this width and height.
    pub fn is_within(&self, [width, height]: [usize; 2]) -> bool {
        let fits = |start: usize, length: usize, all| length > 0 && start.checked_add(length).is_some_and(|e| e <= all);
        fits(self.x, self.width, width) && fits(self.y, self.height, height)
    }

    /// Whether it shares a pixel with another one.
    pub(super) fn meets(&self, other: Self) -> bool {
        let meet = |a: usize, m: usize, b: usize, n: usize| a < b + n && b < a + m;
        meet(self.x, self.width, other.x, other.width) && meet(self.y, self.height, other.y, other.height)
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{} pixels from column {}, row {}", self.width, self.height, self.x, self.y)
    }
}
