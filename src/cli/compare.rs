//! `trapan compare`, and what `fuse --compare` shows.

use clap::Args;
use trapan::compare::{Comparison, Contest, FullResult, MethodScores};
use trapan::engine::Device;
use trapan::method::{Contender, Preparation};
use trapan::quality::{Convention, ReducedScores, Thumbnail};
use trapan::report::{Better, Column, Map, Ramp, Row, Table};

use super::args::{DeviceArgs, named};
use super::inputs::InputArgs;
use super::judge::{Judge, contender};
use super::settings::MethodArgs;
use super::{CliError, Talk, progress, table, terminal};

/// Arguments of `compare`.
#[derive(Args)]
pub(super) struct CompareArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Methods to compare [default: all but zs-pan; those that train do it twice]
    #[arg(long, value_delimiter = ',', value_parser = contender(), value_name = "NAME,…")]
    methods: Option<Vec<Contender>>,
    /// Upsampled MS that full resolution is judged by: as the DLPan toolbox has it, half a PAN pixel
    /// off the true grid but comparable with published numbers, or exactly on it [default: toolbox; true
    /// where the ratio is no power of 2, which the toolbox cannot do]
    #[arg(long, value_parser = named::<Convention>(&["toolbox", "true"]))]
    phase: Option<Convention>,
    /// Print the comparison as JSON instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    method: MethodArgs,
}

/// Runs `compare`.
pub(super) fn run(args: &CompareArgs, talk: Talk) -> Result<(), CliError> {
    progress::watch_signals();
    let files = args.input.open(None, talk)?;
    let scene = args.input.scene(&files)?;
    let request = args.method.request(Contender::Trapan);
    let config = request.config(files.sensor, scene.ms().bands)?;
    let phase = args.phase.unwrap_or(Convention::of_ratio(scene.ratio()));
    Contest::check(scene.rows, scene.columns, phase)?;
    let trains = |contender: &Contender| match contender {
        Contender::Classical(_) => false,
        Contender::Faithful | Contender::ZsPan => true,
        Contender::Trapan => config.trains(),
    };
    let trains = args.methods.as_ref().is_none_or(|methods| methods.iter().any(trains));
    if trains {
        config.check_grids(&scene.rows, &scene.columns)?;
    }
    let ready = args.input.prepare(&files, &request, config, talk)?;
    super::summary::describe(&ready, talk);
    let filled = ready.scene.filled()?.stored()?;
    let Preparation { scale, config, .. } = &ready;
    let device = if trains { args.device.open(talk)? } else { Device::cpu(args.device.threads) };
    let run = None;
    let judge = Judge { scene: &filled, scale, config, phase, device: &device, run, talk };
    let lines = match &args.methods {
        Some(methods) => judge.compare(methods.iter().copied())?,
        None => judge.compare(judge.contenders())?,
    };
    if args.json {
        terminal::json(&serde_json::to_value(&lines).expect("results are plain values"));
    } else {
        print(&table(&lines, phase));
    }
    Ok(())
}

/// Prints a comparison.
pub(super) fn print(table: &Table) {
    terminal::lines(table::text(table));
    terminal::lines(format_args!("\n{}", table.note));
}

/// The comparison as a table, for a terminal and for the report.
pub(super) fn table(lines: &Comparison, phase: Convention) -> Table {
    use Better::{Higher, Lower, Neither};
    let columns = [
        ("HQNR", "", Higher, 4),
        ("Dλ", "", Lower, 4),
        ("Ds", "", Lower, 4),
        ("R-Q2n", "", Higher, 4),
        ("R-SAM", "°", Lower, 3),
        ("R-ERGAS", "", Lower, 3),
        ("Q2n", "", Higher, 4),
        ("SAM", "°", Lower, 3),
        ("ERGAS", "", Lower, 3),
        ("SCC", "", Higher, 4),
        ("PSNR", "dB", Higher, 2),
        ("SSIM", "", Higher, 4),
        ("time", "s", Neither, 2),
    ];
    let row = |line: &MethodScores| {
        let FullResult { full, consistency } = line.at_full;
        let reduced = |value: fn(&ReducedScores) -> f64| line.reduced.as_ref().map(value);
        let at_full = [full.hqnr, full.d_lambda, full.d_s, consistency.q2n, consistency.sam, consistency.ergas];
        let mut values = at_full.map(Some).to_vec();
        values.extend([reduced(|r| r.q2n), reduced(|r| r.sam), reduced(|r| r.ergas)]);
        values.extend([reduced(|r| r.scc), reduced(|r| r.psnr), reduced(|r| r.ssim), Some(line.seconds)]);
        Row { name: line.method.name().to_owned(), values, own: line.method == Contender::Trapan }
    };
    let mut rows: Vec<Row> = lines.methods.iter().map(row).collect();
    rows.extend(lines.truth.as_ref().map(|full| {
        let mut values = vec![None; columns.len()];
        values[..3].copy_from_slice(&[full.hqnr, full.d_lambda, full.d_s].map(Some));
        Row { name: "truth".to_owned(), values, own: false }
    }));
    let place = match phase {
        Convention::Toolbox => {
            "MS upsampled as the DLPan toolbox does, half a PAN pixel off the true grid of most pairs"
        }
        Convention::True => "MS upsampled to the true grid",
    };
    Table {
        title: "Comparison of methods".to_owned(),
        note: format!(
            "HQNR, Dλ, Ds: full resolution, no reference, {place}. R-…: the result degraded again, against MS. The \
             others: Wald's protocol, the pair degraded by its ratio and fused, against MS. truth: what MS itself scores \
             without reference on the degraded pair; a good result comes near it, and no index without reference tells \
             more."
        ),
        rows_are: "method".to_owned(),
        columns: columns.map(|(name, unit, better, decimals)| Column::new(name, unit, better, decimals)).into(),
        rows,
    }
}

/// Where the methods err and distort, as maps for the report.
pub(super) fn maps(Comparison { methods: lines, .. }: &Comparison) -> Vec<Map> {
    let error = kind(
        ["Error by Wald's protocol", "DN"],
        "The pair degraded by its ratio, fused, and compared with MS: root mean square over the bands, without the \
         border that the toolbox leaves out.",
        lines,
        |line| line.errors.as_ref(),
    );
    let d_lambda = kind(
        ["Spectral distortion Dλ", ""],
        "Full resolution, per block of 32×32 pixels: 1 − Q2n of the upsampled and the blurred fused image.",
        lines,
        |line| Some(&line.distortions.d_lambda),
    );
    let d_s = kind(
        ["Spatial distortion Ds", ""],
        "Full resolution, per block: how differently the bands resemble PAN before and after. The mean is more than \
         the Ds of the table, where blocks cancel.",
        lines,
        |line| Some(&line.distortions.d_s),
    );
    let angle = kind(
        ["Spectral angle, degraded again", "°"],
        "The fused image brought back to the grid of MS, against MS.",
        lines,
        |line| Some(&line.distortions.angle),
    );
    [error, d_lambda, d_s, angle].concat()
}

/// Maps of one kind, one per method, with one ramp for all.
fn kind(
    [name, unit]: [&str; 2],
    note: &str,
    lines: &[MethodScores],
    of: impl Fn(&MethodScores) -> Option<&Thumbnail>,
) -> Vec<Map> {
    let shown: Vec<(&str, &Thumbnail)> = lines.iter().filter_map(|l| Some((l.method.name(), of(l)?))).collect();
    let ramp = Ramp::errors(&shown.iter().flat_map(|(_, map)| map.values()).collect::<Vec<_>>());
    let map = |(method, shown)| Map::new(name, unit, shown, ramp).of_method(method).with_note(note);
    shown.into_iter().map(map).collect()
}
