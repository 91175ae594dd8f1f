//! Means and covariances over valid pixels.

/// A plane whose squared deviations are below this share of its squares is flat: f32 values that
/// differ at all stay above 1e-15 of them, sums of f64 below 1e-25.
pub(crate) const FLAT: f64 = 1e-20;

/// Which pixels of a plane to trust; by default all.
#[derive(Clone, Default)]
pub(super) struct Valid(Option<Vec<bool>>);

impl Valid {
    pub(super) fn new(valid: Option<Vec<bool>>) -> Self {
        Self(valid)
    }

    /// Whether to trust pixel `i`.
    pub(super) fn at(&self, i: usize) -> bool {
        self.0.as_ref().is_none_or(|valid| valid[i])
    }

    /// The trusted values.
    pub(super) fn of<'a>(&'a self, x: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        x.iter().enumerate().filter(|(i, _)| self.at(*i)).map(|(_, x)| *x)
    }

    /// 0 if no pixel is trusted.
    pub(super) fn mean(&self, x: &[f64]) -> f64 {
        let (sum, count) = self.of(x).fold((0.0, 0.0), |(sum, count), x| (sum + x, count + 1.0));
        divide(sum, count).unwrap_or(0.0)
    }

    /// Sum of products of deviations over n − 1; 0 if fewer than two pixels are trusted or one of the
    /// planes is flat but for rounding, so that no quotient of two roundings passes for a gain.
    pub(super) fn covariance(&self, x: &[f64], y: &[f64]) -> f64 {
        let (mx, my) = (self.mean(x), self.mean(y));
        let (mut xy, mut xx, mut yy, mut size_x, mut size_y, mut count) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        for (x, y) in self.of(x).zip(self.of(y)) {
            let (dx, dy) = (x - mx, y - my);
            (xy, xx, yy) = (xy + dx * dy, xx + dx * dx, yy + dy * dy);
            (size_x, size_y, count) = (size_x + x * x, size_y + y * y, count + 1.0);
        }
        let flat = xx <= FLAT * size_x || yy <= FLAT * size_y;
        if flat || count < 2.0 { 0.0 } else { xy / (count - 1.0) }
    }

    pub(super) fn deviation(&self, x: &[f64]) -> f64 {
        self.covariance(x, x).sqrt()
    }
}

/// The quotient, if it means something.
pub(super) fn divide(a: f64, b: f64) -> Option<f64> {
    Some(a / b).filter(|q| q.is_finite())
}
