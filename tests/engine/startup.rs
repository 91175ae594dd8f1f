//! Loading a program: what is kept between processes, and what it says of itself.

use std::path::Path;
use std::sync::Arc;

use trapan::engine::gpu::{Gpu, GpuEngine, Pick};
use trapan::engine::{Engine, LoadStats, Options};
use trapan::graph::{Program, ProgramBuilder, Role, Shape};
use trapan::kernels::image;

fn program() -> Arc<Program> {
    let mut builder = ProgramBuilder::new();
    let mut plan = builder.plan("p");
    let shape = Shape([1, 4, 4, 2]);
    let pan = plan.tensor("pan", shape.with_c(1), Role::Input);
    let lms = plan.tensor("lms", shape, Role::Input);
    let d = plan.tensor("d", shape, Role::Output);
    image::detail(&mut plan, pan, lms, d);
    plan.finish();
    Arc::new(builder.finish().expect("the plan is sound"))
}

/// Loads on a device of its own, as another process would.
fn load(folder: &Path) -> LoadStats {
    let gpu = Gpu::open(Pick::Software).expect("these tests need a software Vulkan driver");
    assert!(gpu.adapter().features.contains(&"pipeline cache"), "every Vulkan driver has one");
    let gpu = gpu.with_cache(folder.to_owned());
    let loading = GpuEngine::load(&gpu, program(), Options::default()).expect("it fits").loading();
    assert_eq!(loading.kernels, 1);
    let again = GpuEngine::load(&gpu, program(), Options::default()).expect("it fits").loading();
    assert_eq!(again.kernels, 0, "compiled once per device");
    loading
}

#[test]
fn compiled_kernels_are_kept_and_damaged_ones_ignored() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path().join("made/when needed");
    assert!(!load(&folder).cached);
    let files: Vec<_> = std::fs::read_dir(&folder).expect("made").map(|f| f.expect("readable").path()).collect();
    assert_eq!(files.len(), 1, "and no temporary file: {files:?}");
    assert!(load(&folder).cached);

    let sound = std::fs::read(&files[0]).expect("readable");
    let damage: [fn(&mut Vec<u8>); 5] = [
        |bytes| *bytes.last_mut().expect("not empty") ^= 1,
        |bytes| bytes[0] ^= 1,
        |bytes| bytes.truncate(20),
        |bytes| bytes.clear(),
        |bytes| bytes.push(0),
    ];
    for damage in damage {
        let mut bytes = sound.clone();
        damage(&mut bytes);
        std::fs::write(&files[0], &bytes).expect("writable");
        assert!(!load(&folder).cached, "{} of {} bytes", bytes.len(), sound.len());
        assert!(load(&folder).cached, "written anew");
    }
}

#[test]
fn a_cache_that_cannot_be_written_does_no_harm() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    assert!(!load(&file.path().join("below a file")).cached);
}

#[test]
fn a_program_tells_its_memory() {
    let gpu = Gpu::open(Pick::Software).expect("these tests need a software Vulkan driver");
    let program = program();
    let engine = GpuEngine::load(&gpu, program.clone(), Options::default()).expect("it fits");
    let (bytes, tensors) = (engine.loading().bytes, program.bytes() as u64);
    assert!(bytes > tensors && bytes < tensors + (32 << 20), "{bytes} bytes for {tensors} of tensors");
}
