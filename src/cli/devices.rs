//! `trapan devices`.

use trapan::engine::gpu::adapters;
use trapan::kernels::Isa;

use super::CliError;
use super::args::cores;
use super::terminal::out;

/// Lists what programs can run on.
pub(super) fn run() -> Result<(), CliError> {
    out!("cpu    CPU engine, {} threads, {:?}", cores(), Isa::best());
    for (i, adapter) in adapters().iter().enumerate() {
        let mib = |bytes: u64| bytes >> 20;
        out!("gpu:{i}  {adapter}");
        out!("       driver {}", adapter.driver);
        out!(
            "       buffer {} MiB, storage binding {} MiB, workgroup {} threads and {} KiB, grid {}",
            mib(adapter.limits.buffer),
            mib(adapter.limits.binding),
            adapter.workgroup_threads,
            adapter.workgroup_memory >> 10,
            adapter.limits.grid
        );
        out!(
            "       features: {}",
            if adapter.features.is_empty() { "none" } else { "" }.to_owned() + &adapter.features.join(", ")
        );
        match &adapter.half {
            Ok(size) => out!("       --precision f16: matrices of {size}x{size}"),
            Err(missing) => out!("       --precision f16: no, it lacks {missing}"),
        }
    }
    Ok(())
}
