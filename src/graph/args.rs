//! What a kernel sees of a call on a CPU.

use super::Shape;

/// Number types the references are written for.
pub trait Real: num_traits::Float + num_traits::FromPrimitive + std::iter::Sum + Send + Sync + 'static {
    /// Nearest value of this type.
    fn of(v: f64) -> Self;
}

impl Real for f32 {
    fn of(v: f64) -> Self {
        v as f32
    }
}

impl Real for f64 {
    fn of(v: f64) -> Self {
        v
    }
}

/// One argument's elements during a CPU call.
enum Slot<'a, T> {
    Absent,
    Read(&'a [T]),
    Write(&'a mut [T]),
}

/// Arguments of a CPU call: slices, shapes, parameters, step values.
pub struct Args<'a, T> {
    slots: Vec<Slot<'a, T>>,
    shapes: Vec<Option<Shape>>,
    params: &'a [u8],
    step: &'a [u8],
    level: u8,
}

impl<'a, T> Args<'a, T> {
    /// No arguments yet; push them in the order of [`Kernel::args`](super::Kernel::args).
    pub fn new(params: &'a [u8], step: &'a [u8]) -> Self {
        Self { slots: Vec::new(), shapes: Vec::new(), params, step, level: 0 }
    }

    /// The same for a machine of some level: fast forms may be compiled for several, which
    /// the kernels number from 0, what every machine runs.
    pub fn on(self, level: u8) -> Self {
        Self { level, ..self }
    }

    /// Adds an optional argument left out.
    pub fn push_absent(&mut self) {
        self.slots.push(Slot::Absent);
        self.shapes.push(None);
    }

    /// Adds a read argument.
    pub fn push_read(&mut self, shape: Shape, data: &'a [T]) {
        assert_eq!(shape.len(), data.len(), "shape and data agree");
        self.slots.push(Slot::Read(data));
        self.shapes.push(Some(shape));
    }

    /// Adds a written or updated argument.
    pub fn push_write(&mut self, shape: Shape, data: &'a mut [T]) {
        assert_eq!(shape.len(), data.len(), "shape and data agree");
        self.slots.push(Slot::Write(data));
        self.shapes.push(Some(shape));
    }

    /// The elements of read argument `i`.
    #[track_caller]
    pub fn read(&self, i: usize) -> &'a [T] {
        self.maybe(i).expect("argument is read and present")
    }

    /// The elements of optional read argument `i`.
    pub(crate) fn maybe(&self, i: usize) -> Option<&'a [T]> {
        match self.slots[i] {
            Slot::Read(data) => Some(data),
            _ => None,
        }
    }

    /// Takes the elements of written argument `i`; once per call.
    #[track_caller]
    pub fn write(&mut self, i: usize) -> &'a mut [T] {
        match std::mem::replace(&mut self.slots[i], Slot::Absent) {
            Slot::Write(data) => data,
            _ => panic!("argument {i} is written and not yet taken"),
        }
    }

    /// Shape of argument `i`, which must be present.
    #[track_caller]
    pub fn shape(&self, i: usize) -> Shape {
        self.shapes[i].expect("argument is present")
    }

    /// The parameters as their type.
    pub fn params<P: bytemuck::Pod>(&self) -> P {
        bytemuck::pod_read_unaligned(self.params)
    }

    /// Values of this step as the kernels' type.
    pub fn step<S: bytemuck::Pod>(&self) -> S {
        bytemuck::pod_read_unaligned(self.step)
    }

    /// Level of the machine.
    pub fn level(&self) -> u8 {
        self.level
    }
}
