//! Devices and cases that several rungs run on.

use std::sync::OnceLock;

use trapan::bench::suite::PreparedCase;
use trapan::engine::gpu::{DeviceKind, Gpu, Pick, adapters};
use trapan::graph::Case;
use trapan::kernels;

/// The software Vulkan device, opened once: programs share its compiled kernels.
/// Tests fail without one; a ladder with a rung left out would look whole.
pub fn software() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| {
        Gpu::open(Pick::Software).unwrap_or_else(|e| {
            panic!("these tests need a software Vulkan driver: apt install mesa-vulkan-drivers; {e}")
        })
    })
}

/// The software device, and every real GPU of this machine.
pub fn gpus() -> Vec<Gpu> {
    let real = adapters().into_iter().enumerate().filter(|(_, a)| a.kind != DeviceKind::Software);
    let opened = real.map(|(i, a)| Gpu::open(Pick::Index(i)).unwrap_or_else(|e| panic!("{a}: {e}")));
    std::iter::once(software().clone()).chain(opened).collect()
}

/// Every case of every kernel, made ready.
pub fn trials() -> impl Iterator<Item = (String, PreparedCase)> {
    let cases = |kernel: &'static trapan::graph::Kernel| (kernel.cases)().into_iter().map(move |case| (kernel, case));
    kernels::ALL
        .iter()
        .flat_map(move |kernel| cases(kernel))
        .map(|(kernel, case): (_, Case)| (format!("{} {}", kernel.name, case.label), PreparedCase::new(&case, 7)))
}
