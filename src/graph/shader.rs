//! A kernel on a GPU: its shader, and other forms of it.

use super::Shapes;

/// How a call is put on a GPU.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Launch {
    /// `const NAME: u32` lines written before the shader: sizes of register
    /// tiles, which WGSL `override` cannot set.
    pub consts: Vec<(&'static str, u32)>,
    /// Workgroups per dimension, each at most 65535.
    pub grid: [u32; 3],
}

/// A kernel's shader. Every device runs it, for all shapes.
pub struct Shader {
    /// Text, as it stands in `shaders/`.
    pub source: &'static str,
    /// WGSL entry point.
    pub entry: &'static str,
    /// Constants and grid of a call.
    pub(crate) launch: fn(&Shapes<'_>) -> Launch,
    /// What a device runs instead: the first that it takes and that fits the call.
    pub forms: &'static [ShaderForm],
}

impl Shader {
    /// A shader that is all there is.
    pub const fn new(source: &'static str, entry: &'static str, launch: fn(&Shapes<'_>) -> Launch) -> Self {
        Self { source, entry, launch, forms: &[] }
    }

    /// The same shader with other forms, the best first.
    pub const fn or(self, forms: &'static [ShaderForm]) -> Self {
        Self { forms, ..self }
    }
}

/// Another shader for the same computation, with the same arguments and checked against the
/// same reference. Results are f32.
#[derive(Clone, Copy)]
pub struct ShaderForm {
    /// Shader text.
    pub source: &'static str,
    /// WGSL entry point.
    pub entry: &'static str,
    /// Constants and grid of a call; `None` if the form does not fit its shapes.
    pub(crate) launch: fn(&Shapes<'_>) -> Option<Launch>,
    /// What a device must have.
    pub needs: DeviceNeeds,
    /// When a device takes it.
    pub when: When,
    /// Tolerance of checks, where it is not the kernel's own.
    pub tolerance: Option<f64>,
}

/// What a form needs of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceNeeds {
    /// What every shader may use.
    Nothing,
    /// Products of f16 matrices with f32 sums. Their types `Left`, `Right` and `Product` and
    /// their size `T` are written before the text.
    Matrices,
}

impl DeviceNeeds {
    /// Bytes of workgroup memory it may take.
    pub const fn memory(self) -> u32 {
        match self {
            Self::Nothing => 16 << 10,
            Self::Matrices => 32 << 10,
        }
    }
}

/// When a device takes a form that fits a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// Unless plain forms are asked for: it does the same in less time.
    Faster,
    /// When f16 is asked for: it rounds what it multiplies.
    F16,
}
