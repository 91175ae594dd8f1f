//! Rung 1, without a GPU: the shaders are valid, and what Rust says about them is true.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::offset_of;
use std::path::{Path, PathBuf};

use naga::proc::{GlobalCtx, Layouter};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Handle, Module, StorageAccess, StructMember, Type, TypeInner};
use trapan::bench::suite::PreparedCase;
use trapan::engine::gpu::{Chosen, Forms};
use trapan::graph::{Access, DeviceNeeds, Kernel, ShaderForm};
use trapan::kernels;
use trapan::kernels::{MAX_CROPS, Step};

use crate::support::devices::trials;

/// What WebGPU guarantees: threads of a workgroup, and bytes they share.
const THREADS: u32 = 256;
const WORKGROUP_MEMORY: u32 = 16 << 10;

/// A kernel with the constants of some of its cases.
struct Variant {
    label: String,
    trial: PreparedCase,
    entry: &'static str,
    module: Module,
    info: ModuleInfo,
}

impl Variant {
    fn kernel(&self) -> &'static Kernel {
        self.trial.call().kernel
    }

    fn entry(&self) -> usize {
        let found = self.module.entry_points.iter().position(|e| e.name == self.entry);
        found.unwrap_or_else(|| panic!("{}: no entry point {}", self.label, self.entry))
    }

    /// Global variables the entry point uses, itself or through functions.
    fn globals(&self) -> impl Iterator<Item = &naga::GlobalVariable> {
        let used = self.info.get_entry_point(self.entry());
        self.module.global_variables.iter().filter(|(h, _)| !used[*h].is_empty()).map(|(_, v)| v)
    }

    fn uniform(&self, binding: u32) -> Handle<Type> {
        let at = |v: &&naga::GlobalVariable| v.binding.as_ref().is_some_and(|b| b.group == 1 && b.binding == binding);
        let all: Vec<_> = self.module.global_variables.iter().map(|(_, v)| v).collect();
        let found: Vec<_> = all.into_iter().filter(at).collect();
        assert_eq!(found.len(), 1, "{}: uniform {binding}", self.label);
        assert_eq!(found[0].space, AddressSpace::Uniform);
        found[0].ty
    }

    fn members(&self, ty: Handle<Type>) -> (&[StructMember], u32) {
        match &self.module.types[ty].inner {
            TypeInner::Struct { members, span } => (members, *span),
            other => panic!("{}: {other:?} is no struct", self.label),
        }
    }
}

/// One variant per form and constants, parsed and validated with no optional capability.
fn variants() -> Vec<Variant> {
    let mut seen = BTreeSet::new();
    let mut variants = Vec::new();
    for faster in [false, true] {
        for (label, trial) in trials() {
            let chosen = Chosen::of(trial.call(), Forms { faster, half: None });
            let (text, entry) = (chosen.text(), chosen.entry);
            if seen.insert((entry, text.clone())) {
                let (module, info) = validated(&label, &text, Capabilities::empty());
                variants.push(Variant { label: format!("{label}, {entry}"), trial, entry, module, info });
            }
        }
    }
    variants
}

fn on_matrices(kernel: &Kernel) -> Option<&'static ShaderForm> {
    kernel.shader.forms.iter().find(|form| form.needs == DeviceNeeds::Matrices)
}

/// The f16 forms, for both sizes of matrices an adapter may offer.
fn halves() -> Vec<Variant> {
    let mut seen = BTreeSet::new();
    let mut variants = Vec::new();
    let capabilities = Capabilities::SHADER_FLOAT16 | Capabilities::SUBGROUP | Capabilities::COOPERATIVE_MATRIX;
    for size in [8, 16] {
        for (label, trial) in trials().filter(|(_, trial)| on_matrices(trial.call().kernel).is_some()) {
            let chosen = Chosen::of(trial.call(), Forms { faster: true, half: Some(size) });
            let (text, entry) = (chosen.text(), chosen.entry);
            if seen.insert((entry, text.clone())) {
                let label = format!("{label}, f16 {size}x{size}");
                let (module, info) = validated(&label, &text, capabilities);
                variants.push(Variant { label, trial, entry, module, info });
            }
        }
    }
    assert!(variants.len() > 12, "{} forms", variants.len());
    variants
}

fn validated(label: &str, text: &str, capabilities: Capabilities) -> (Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(text).unwrap_or_else(|e| panic!("{label}: {}", e.emit_to_string(text)));
    let mut validator = Validator::new(ValidationFlags::all(), capabilities);
    validator.subgroup_stages(naga::valid::ShaderStages::COMPUTE);
    validator.subgroup_operations(naga::valid::SubgroupOperationSet::all());
    let info = validator.validate(&module).unwrap_or_else(|e| panic!("{label}: {}", e.emit_to_string(text)));
    (module, info)
}

/// What Vulkan, Metal and Direct3D 12 get is written without complaint; only the first
/// runs on the machines these tests run on.
#[test]
fn every_backend_can_say_it() {
    use naga::back::{hlsl, msl, spv};
    for v in variants() {
        let words = spv::write_vec(&v.module, &v.info, &spv::Options::default(), None);
        assert!(words.unwrap_or_else(|e| panic!("{} in SPIR-V: {e}", v.label)).len() > 100);
        let metal = msl::write_string(&v.module, &v.info, &msl::Options::default(), &msl::PipelineOptions::default());
        assert!(metal.unwrap_or_else(|e| panic!("{} in MSL: {e}", v.label)).0.contains("kernel void"));
        let (options, pipeline) = (hlsl::Options::default(), hlsl::PipelineOptions::default());
        let mut text = String::new();
        let written = hlsl::Writer::new(&mut text, &options, &pipeline).write(&v.module, &v.info, None);
        written.unwrap_or_else(|e| panic!("{} in HLSL: {e}", v.label));
        assert!(text.contains("numthreads"), "{}", v.label);
    }
}

/// Cooperative matrices need SPIR-V 1.6 and more than one capability.
#[test]
fn vulkan_can_say_the_f16_forms() {
    for v in halves() {
        let options = naga::back::spv::Options { lang_version: (1, 6), ..naga::back::spv::Options::default() };
        let words = naga::back::spv::write_vec(&v.module, &v.info, &options, None);
        assert!(words.unwrap_or_else(|e| panic!("{} in SPIR-V: {e}", v.label)).len() > 100);
    }
}

#[test]
fn bindings_are_the_arguments() {
    for v in variants().into_iter().chain(halves()) {
        let found: BTreeSet<_> = v
            .globals()
            .filter_map(|g| {
                let at = g.binding.as_ref().filter(|b| b.group == 0)?;
                let AddressSpace::Storage { access } = g.space else { panic!("{}: {g:?}", v.label) };
                Some((at.binding, g.name.clone().unwrap_or_default(), access.contains(StorageAccess::STORE)))
            })
            .collect();
        let wanted: BTreeSet<_> =
            v.kernel().args.iter().map(|a| (a.binding, a.name.to_owned(), a.access != Access::Read)).collect();
        assert_eq!(found, wanted, "{}: binding, name, written", v.label);
    }
}

#[test]
fn structs_have_the_layout_of_rust() {
    for v in variants().into_iter().chain(halves()) {
        let (_, span) = v.members(v.uniform(0));
        assert_eq!(span as usize, v.trial.call().params.len(), "{}: size of Params", v.label);
        let (members, span) = v.members(v.uniform(1));
        assert_eq!(span as usize, size_of::<Step>(), "{}: size of Step", v.label);
        let found: BTreeMap<_, _> =
            members.iter().map(|m| (m.name.clone().unwrap_or_default(), m.offset as usize)).collect();
        let wanted = [
            ("rate", offset_of!(Step, rate)),
            ("rescale", offset_of!(Step, rescale)),
            ("turn", offset_of!(Step, turn)),
            ("unturn", offset_of!(Step, unturn)),
            ("crops", offset_of!(Step, crops)),
        ];
        assert_eq!(found, wanted.map(|(name, at)| (name.to_owned(), at)).into(), "{}: Step", v.label);
        let crops = members.iter().find(|m| m.name.as_deref() == Some("crops")).expect("compared above");
        let TypeInner::Array { size, stride, .. } = &v.module.types[crops.ty].inner else { panic!("crops: no array") };
        assert_eq!((*size, *stride), (naga::ArraySize::Constant((MAX_CROPS as u32).try_into().unwrap()), 16));
    }
}

#[test]
fn workgroups_fit_every_device() {
    let mut largest = 0;
    assert_eq!(DeviceNeeds::Nothing.memory(), WORKGROUP_MEMORY);
    let portable = variants().into_iter().map(|v| (v, WORKGROUP_MEMORY));
    for (v, limit) in portable.chain(halves().into_iter().map(|v| (v, DeviceNeeds::Matrices.memory()))) {
        let threads: u32 = v.module.entry_points[v.entry()].workgroup_size.iter().product();
        assert!(threads <= THREADS, "{}: {threads} threads", v.label);
        let mut layouter = Layouter::default();
        layouter
            .update(GlobalCtx {
                types: &v.module.types,
                constants: &v.module.constants,
                overrides: &v.module.overrides,
                global_expressions: &v.module.global_expressions,
            })
            .expect("validated");
        let bytes: u32 = v.globals().filter(|g| g.space == AddressSpace::WorkGroup).map(|g| layouter[g.ty].size).sum();
        assert!(bytes <= limit, "{}: {bytes} bytes of workgroup memory", v.label);
        largest = largest.max(bytes);
    }
    assert!(
        largest > WORKGROUP_MEMORY / 2,
        "some kernel uses workgroup memory: {largest} bytes is too little to believe"
    );
}

#[test]
fn entry_points_are_the_kernels() {
    let mut found: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for v in variants() {
        let names = v.module.entry_points.iter().map(|e| e.name.clone());
        found.entry(v.kernel().family).or_default().extend(names);
    }
    let mut wanted: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for kernel in kernels::ALL {
        let portable = kernel.shader.forms.iter().filter(|form| form.needs == DeviceNeeds::Nothing);
        let entries = std::iter::once(kernel.shader.entry).chain(portable.map(|form| form.entry));
        wanted.entry(kernel.family).or_default().extend(entries.map(str::to_owned));
    }
    assert_eq!(found, wanted, "entry points of the shaders, and registered kernels");
    let halves = halves();
    let found: BTreeSet<_> =
        halves.iter().flat_map(|v| v.module.entry_points.iter().map(|e| e.name.as_str())).collect();
    let forms = kernels::ALL.iter().filter_map(|k| Some((k, on_matrices(k)?)));
    let wanted = forms.flat_map(|(k, form)| [k.shader.entry, form.entry]).collect();
    assert_eq!(found, wanted, "entry points of the f16 forms with those they share a file with");
    let wanted: BTreeSet<&str> = kernels::ALL.iter().map(|k| k.family).collect();
    let files: BTreeSet<_> = files(&root().join("shaders")).iter().map(|p| stem(p)).collect();
    let parts = ["common", "conv2d_common", "conv2d_f16"];
    let winograd = ["conv2d_winograd", "conv2d_winograd_transform", "conv2d_winograd_weight"];
    let families = wanted.into_iter().chain(parts).chain(winograd).map(str::to_owned);
    assert_eq!(files, families.collect(), "files in shaders/, and families");
}

/// Words that may stand only in some places of `src`.
#[test]
fn words_stay_where_they_belong() {
    let rules: [(&[&str], &[&str]); 3] = [
        (&["wgpu"], &["src/engine/gpu/"]),
        (&["clap"], &["src/cli/", "src/main.rs"]),
        (&["print!(", "println!(", "dbg!("], &["src/cli/"]),
    ];
    let mut wrong = Vec::new();
    let sources = files(&root().join("src")).into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs"));
    for path in sources {
        let text = std::fs::read_to_string(&path).expect("source is readable");
        let place = path.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
        for (number, line) in text.lines().enumerate().filter(|(_, l)| !l.trim_start().starts_with("//")) {
            for (words, places) in &rules {
                if !places.iter().any(|p| place.starts_with(p)) && words.iter().any(|w| line.contains(w)) {
                    wrong.push(format!("{place}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "not here:\n{}", wrong.join("\n"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn stem(path: &Path) -> String {
    path.file_stem().expect("a file").to_string_lossy().into_owned()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("folder is readable").map(|e| e.expect("entry is readable").path());
    entries.flat_map(|p| if p.is_dir() { files(&p) } else { vec![p] }).collect()
}
