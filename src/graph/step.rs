//! What changes from one run of a plan to the next.

/// Values of one step for the kernels that depend on time or chance, which know what stands
/// where; graph and engines only hand the bytes on.
pub trait AnyStep {
    /// The values as a device reads them.
    fn bytes(&self) -> &[u8];
}

impl<T: bytemuck::NoUninit> AnyStep for T {
    fn bytes(&self) -> &[u8] {
        bytemuck::bytes_of(self)
    }
}
