//! `trapan selftest`: the kernels on the user's own driver.

use clap::Args;
use trapan::bench::suite;
use trapan::engine::{Engine, Options};
use trapan::kernels;

use super::args::DeviceArgs;
use super::terminal::out;
use super::{CliError, Talk};

/// Arguments of `selftest`.
#[derive(Args)]
pub(super) struct SelftestArgs {
    #[command(flatten)]
    device: DeviceArgs,
}

/// Runs every case of every kernel and prints one line per kernel and per failure.
pub(super) fn run(args: &SelftestArgs, talk: Talk) -> Result<(), CliError> {
    let device = args.device.open_fresh(talk)?;
    let options = Options { poison: true, ..Options::default() };
    let mut outcomes: Vec<suite::CaseResult> = Vec::new();
    let load = |program| -> Result<Box<dyn Engine>, _> { device.load(program, options) };
    suite::run(args.device.precision, load, |o| outcomes.push(o));
    for kernel in kernels::ALL {
        let own = || outcomes.iter().filter(|o| o.kernel.name == kernel.name);
        let failed = own().filter(|o| o.result.is_err()).count();
        out!(
            "{:20} {:3} cases, {}",
            kernel.name,
            own().count(),
            if failed == 0 { "ok".into() } else { format!("{failed} FAILED") }
        );
        for (case, why) in own().filter_map(|o| Some((&o.case, o.result.as_ref().err()?))) {
            out!("    {case}: {why}");
        }
    }
    let (failed, cases) = (outcomes.iter().filter(|o| o.result.is_err()).count(), outcomes.len());
    out!("{} passed, {failed} failed", cases - failed);
    if failed == 0 { Ok(()) } else { Err(CliError::Selftest { failed, cases, device: device.to_string() }) }
}
