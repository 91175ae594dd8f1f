//! Model files, checkpoints and options with odd content: an error or something usable, never a panic, and
//! no more memory than the file explains.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use trapan::engine::Device;
use trapan::method::{Checkpoints, Dims, Model};
use trapan::scene::Scene;
use trapan::tiff::Creation;

use crate::method::sharpen::{SimulatedPair, preset, run, samples};
use crate::support::memory::largest_request;

/// What a number, a text or a list may be replaced by.
const ODD: [&str; 14] = [
    "0",
    "-1",
    "1",
    "3",
    "17",
    "257",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "1e999",
    "-0.5",
    "null",
    "[]",
    "\"x\"",
];

/// The header of a safetensors file with one of its numbers replaced, before the same data.
fn with_odd_number(file: &[u8], place: prop::sample::Index, odd: &str) -> Vec<u8> {
    let length = u64::from_le_bytes(file[..8].try_into().expect("eight bytes")) as usize;
    let header = std::str::from_utf8(&file[8..8 + length]).expect("JSON");
    let digit = |at: &usize| header.as_bytes()[*at].is_ascii_digit();
    let starts: Vec<usize> = (1..length).filter(|at| digit(at) && !digit(&(at - 1))).collect();
    let start = starts[place.index(starts.len())];
    let end = (start..length).find(|at| !digit(at)).unwrap_or(length);
    let header = [&header[..start], odd, &header[end..]].concat();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &file[8 + length..]].concat()
}

/// The file with some bits of its header turned, and perhaps cut.
fn damaged(file: &[u8], flips: &[(prop::sample::Index, u8)], cut: Option<prop::sample::Index>) -> Vec<u8> {
    let length = 8 + u64::from_le_bytes(file[..8].try_into().expect("eight bytes")) as usize;
    let mut bytes = file.to_vec();
    flips.iter().for_each(|(at, bit)| bytes[at.index(length)] ^= 1 << bit);
    bytes.truncate(cut.map_or(file.len(), |cut| cut.index(file.len())));
    bytes
}

/// How a file is spoilt: an odd number at a place, or bits turned and perhaps an end cut off.
fn spoil() -> impl Strategy<Value = Spoilt> {
    let flips = prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..4);
    prop_oneof![
        2 => (any::<prop::sample::Index>(), prop::sample::select(ODD.to_vec())).prop_map(|(at, odd)| Spoilt::Number(at, odd)),
        1 => (flips, prop::option::weighted(0.3, any::<prop::sample::Index>())).prop_map(|(f, cut)| Spoilt::Bits(f, cut)),
    ]
}

#[derive(Clone, Debug)]
enum Spoilt {
    Number(prop::sample::Index, &'static str),
    Bits(Vec<(prop::sample::Index, u8)>, Option<prop::sample::Index>),
}

impl Spoilt {
    fn apply(&self, file: &[u8]) -> Vec<u8> {
        match self {
            Self::Number(place, odd) => with_odd_number(file, *place, odd),
            Self::Bits(flips, cut) => damaged(file, flips, *cut),
        }
    }
}

fn runner(cases: u32) -> proptest::test_runner::TestRunner {
    proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    })
}

#[test]
fn odd_models_never_panic() {
    let SimulatedPair { pan, ms, grids, model } = SimulatedPair::preset(&Dims::aligned(20, 20, 3, 4));
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("model.safetensors");
    model.save(&path, false).expect("a new file");
    let file = std::fs::read(&path).expect("our own file");
    let test = |spoilt: Spoilt| {
        std::fs::write(&path, spoilt.apply(&file)).expect("writable");
        let (found, largest) = largest_request(|| Model::load(&path));
        // The file itself, the weights of the largest networks there are, and names.
        prop_assert!(largest <= file.len() + (4 << 20), "{spoilt:?}: {largest} bytes asked for");
        let scene = Scene::on_grids(&pan, &ms, grids);
        if let Some(found) = found.ok().filter(|found| found.check(&scene, &found.scale).is_ok()) {
            let found = SimulatedPair { pan: pan.clone(), ms: ms.clone(), grids, model: found };
            prop_assert_eq!(found.apply(&Device::cpu(2), [3..7, 5..6], u64::MAX).len(), 4 * 3);
        }
        Ok(())
    };
    runner(1500).run(&spoil(), test).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn odd_checkpoints_never_panic() {
    let dims = Dims::aligned(16, 18, 3, 4);
    let config = preset(3);
    let samples = samples(&dims, &config, 1);
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("checkpoint");
    for stop in [2, 5] {
        let mut checkpoints = Checkpoints::new(&path, Duration::from_secs(3600));
        run(&dims, &config, &samples, Some(&mut checkpoints), stop).map(|_| ()).expect_err("broken off");
        let file = std::fs::read(&path).expect("a checkpoint");
        let test = |spoilt: Spoilt| {
            std::fs::write(&path, spoilt.apply(&file)).expect("writable");
            let _ =
                run(&dims, &config, &samples, Some(&mut Checkpoints::new(&path, Duration::from_secs(3600))), u32::MAX);
            Ok(())
        };
        runner(60).run(&spoil(), test).unwrap_or_else(|e| panic!("{e}"));
        checkpoints.remove().expect("a checkpoint to remove");
    }
    assert!(!Path::new(&path).exists());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn odd_options_never_panic(
        options in prop::collection::vec(
            prop::collection::vec(prop::sample::select(vec![
                "COMPRESS", "LEVEL", "PREDICTOR", "BLOCKSIZE", "BIGTIFF", "OVERVIEWS", "NUM_THREADS", "=", "DEFLATE", "zstd", "YES",
                "NONE", "512", "-1", "99999999999999999999", "é", " ", "",
            ]), 0..5).prop_map(|pieces| pieces.concat()),
            0..4,
        ),
    ) {
        if let Ok(found) = Creation::parse(&options) {
            prop_assert!((16..=4096).contains(&found.block_size) && found.block_size.is_multiple_of(16));
        }
    }
}
