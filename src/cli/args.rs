//! Flags shared by several commands.

use std::time::Instant;

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use etcetera::base_strategy::{BaseStrategy, choose_native_strategy};
use serde::de::DeserializeOwned;
use trapan::engine::{Convolution, Device, DeviceChoice, Precision};

use trapan::tiff::{Creation, Format, Header, Output, TiffError, check_output};

use super::{CliError, Talk};

/// Parser of an enum by its serde names, which it lists in help and errors.
pub(super) fn named<T: DeserializeOwned + Clone + Send + Sync + 'static>(
    names: &'static [&'static str],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(names)
        .map(|name| serde_json::from_value(name.into()).expect("every listed name is a value"))
}

/// Where the result goes.
#[derive(Args)]
pub(super) struct OutputArgs {
    /// Fused GeoTIFF to write; a symbolic link is followed
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace existing output files, never an input
    #[arg(long)]
    pub overwrite: bool,
    /// Bands to write, from 1, in the order wanted; all are fitted [default: all]
    #[arg(long, value_delimiter = ',', value_name = "N,N,…")]
    out_bands: Vec<usize>,
    /// How the file is stored, by GDAL's names: COMPRESS=NONE|LZW|DEFLATE|ZSTD|PACKBITS,
    /// LEVEL, PREDICTOR, BLOCKSIZE, BIGTIFF, OVERVIEWS=AUTO|NONE, NUM_THREADS; repeatable
    #[arg(long = "co", value_name = "KEY=VALUE")]
    creation: Vec<String>,
    /// Memory for tiles and strips of large scenes, as 500M or 4G [default: a quarter of the machine's, at
    /// most 1.2G; more makes a wide scene some percent faster]
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    max_memory: Option<u64>,
}

impl OutputArgs {
    /// A file that may be written over, with the defaults.
    pub(super) fn over(output: PathBuf) -> Self {
        Self { output, overwrite: true, out_bands: Vec::new(), creation: Vec::new(), max_memory: None }
    }

    /// The creation options.
    pub(super) fn creation(&self) -> Result<Creation, CliError> {
        Ok(Creation::parse(&self.creation).map_err(TiffError::from)?)
    }

    /// Finds out, before a long computation, whether the file can be written in the type of MS.
    pub(super) fn check(&self, creation: &Creation, ms: &Header) -> Result<(), CliError> {
        creation.check(ms.sample).map_err(TiffError::from)?;
        self.bands(ms.bands)?;
        Ok(check_output(&self.output, self.overwrite)?)
    }

    /// The bands to write, from 0.
    pub(super) fn bands(&self, bands: usize) -> Result<Vec<usize>, CliError> {
        if let Some(&band) = self.out_bands.iter().find(|band| !(1..=bands).contains(band)) {
            return Err(CliError::OutBand { band, bands });
        }
        let all = self.out_bands.is_empty();
        Ok(if all { (0..bands).collect() } else { self.out_bands.iter().map(|band| band - 1).collect() })
    }

    /// The file that is written.
    pub(super) fn outputs(&self) -> impl Iterator<Item = Output> {
        [Output::new(&self.output, Format::GeoTiff)].into_iter()
    }

    /// The checkpoint beside the output.
    pub(super) fn checkpoint(&self) -> PathBuf {
        let mut name = self.output.as_os_str().to_owned();
        name.push(".checkpoint");
        name.into()
    }

    /// Bytes that tiles and strips may take.
    pub(super) fn memory(&self) -> u64 {
        self.max_memory.unwrap_or_else(usual_memory)
    }
}

/// Bytes that tiles and strips may take if nobody says so: a quarter of the machine's, at most 1.2 GB.
pub fn usual_memory() -> u64 {
    let refresh = sysinfo::MemoryRefreshKind::nothing().with_ram();
    let system = sysinfo::System::new_with_specifics(sysinfo::RefreshKind::nothing().with_memory(refresh));
    // A container may have less than its machine.
    let limit = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    (system.total_memory().min(limit) / 4).min(DEFAULT_MEMORY)
}

/// Enough for strips of 500 rows of a scene 20,000 pixels wide, in 8 bands.
const DEFAULT_MEMORY: u64 = 1_200_000_000;

/// A number of bytes with K, M, G or T, powers of 1000.
fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text[digits.len()..].trim().to_ascii_uppercase().trim_end_matches('B') {
        "" => 1,
        "K" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        _ => return Err("must be a number with K, M, G or T, as 500M or 4G".into()),
    };
    let number = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
    number.ok_or_else(|| "must be a number with K, M, G or T, as 500M or 4G".into())
}

/// Threads that this machine runs at once.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

/// Which device.
#[derive(Args)]
pub(super) struct DeviceArgs {
    /// auto (a real GPU, else the CPU), gpu, gpu:N (see `trapan devices`), cpu, cpu:avx512, cpu:avx2,
    /// cpu:portable (at most this instruction set, to compare), or software
    /// (a Vulkan driver on the CPU: slow, for checking)
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: DeviceChoice,
    /// Threads of the CPU engine, at most one per core; 0: all cores
    #[arg(short = 'j', long, default_value_t = 0, value_name = "N")]
    pub threads: usize,
    /// Numbers that convolutions multiply: f32, or f16 with f32 sums (experimental, on GPUs with
    /// cooperative matrices); auto is f32
    #[arg(long, default_value = "auto", value_name = "PRECISION")]
    pub precision: Precision,
    /// How a GPU computes f32 convolutions: winograd (half the multiplications, where 32 channels
    /// come together), or direct, to compare
    #[arg(long, default_value = "winograd", value_name = "FORM")]
    pub convolution: Convolution,
    /// Compile GPU kernels anew, and keep none for the next start (they lie in `trapan` in the
    /// user's cache folder)
    #[arg(long, env = "TRAPAN_NO_KERNEL_CACHE", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_kernel_cache: bool,
}

impl DeviceArgs {
    /// [`open_fresh`](Self::open_fresh), with the kernels compiled by earlier runs.
    pub(super) fn open(&self, talk: Talk) -> Result<Device, CliError> {
        let device = self.open_fresh(talk)?;
        // Without a home there is no cache folder, and nothing is kept.
        match choose_native_strategy() {
            Ok(folders) if !self.no_kernel_cache => Ok(device.with_cache(folders.cache_dir().join("trapan"))),
            _ => Ok(device),
        }
    }

    /// Opens the device and says which one and why.
    pub(super) fn open_fresh(&self, talk: Talk) -> Result<Device, CliError> {
        let start = Instant::now();
        let (cores, mut threads) = (cores(), self.threads);
        if threads > cores {
            talk.say(format_args!(
                "warning: -j {threads} is more than the {cores} threads that this machine runs at once; taking {cores}"
            ));
            threads = cores;
        }
        let (device, why) = Device::open(self.device, threads)?;
        let device = device.with_precision(self.precision)?.with_convolution(self.convolution)?;
        talk.say(format_args!("device: {device}, {why}"));
        talk.detail(format_args!("opened in {:.0} ms", start.elapsed().as_secs_f64() * 1e3));
        if device.is_software() {
            talk.say("warning: this is a software driver, some 40 times slower than --device cpu");
        }
        Ok(device)
    }
}
