//! The types of values that files hold.

/// Type of the stored values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sample {
    /// 8-bit unsigned.
    U8,
    /// 16-bit unsigned.
    U16,
    /// 16-bit signed.
    I16,
    /// 32-bit floating point.
    F32,
}

impl Sample {
    /// Bytes of one value.
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::F32 => 4,
        }
    }

    /// Smallest and largest value, both exact in f32.
    pub fn range(self) -> [f32; 2] {
        match self {
            Self::U8 => [0.0, 255.0],
            Self::U16 => [0.0, 65535.0],
            Self::I16 => [-32768.0, 32767.0],
            Self::F32 => [f32::MIN, f32::MAX],
        }
    }

    /// Whether a value can be stored exactly (for f32: within its range, or NaN).
    pub fn holds(self, value: f64) -> bool {
        let [low, high] = self.range().map(f64::from);
        match self {
            Self::F32 => value.is_nan() || (low..=high).contains(&value),
            _ => value.fract() == 0.0 && (low..=high).contains(&value),
        }
    }
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::I16 => "i16",
            Self::F32 => "f32",
        })
    }
}
