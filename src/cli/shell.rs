//! What a shell and a manual need of the command line: completions and pages, made from the flags themselves.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Args, Command, CommandFactory};
use clap_complete::{Generator, Shell};
use clap_mangen::Man;
use trapan::tiff::{TiffError, check_output, create_folder, write_atomically};

use super::{Cli, CliError, Talk, terminal};

/// Arguments of `completions`.
#[derive(Args)]
pub(super) struct CompletionsArgs {
    /// Shell to complete commands and flags in
    #[arg(value_name = "SHELL", value_parser = PossibleValuesParser::new(["bash", "zsh", "fish", "powershell"]))]
    shell: String,
}

/// Prints a script of completions.
pub(super) fn completions(args: &CompletionsArgs) {
    let shell: Shell = args.shell.parse().expect("every listed name is a shell");
    let mut command = Cli::command();
    command.set_bin_name("trapan");
    command.build();
    let mut script = Vec::new();
    shell.generate(&command, &mut script);
    terminal::ours(&String::from_utf8_lossy(&script));
}

/// Arguments of `man`.
#[derive(Args)]
pub(super) struct ManArgs {
    /// Command to print the page of [default: that of trapan itself]
    #[arg(value_name = "COMMAND", conflicts_with = "output")]
    command: Option<String>,
    /// Write the pages of all commands into this folder
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Replace existing pages
    #[arg(long)]
    overwrite: bool,
}

/// Prints a page of the manual, or writes all.
pub(super) fn man(args: &ManArgs, talk: Talk) -> Result<(), CliError> {
    let pages = pages();
    if let Some(folder) = &args.output {
        return write(&pages, folder, args.overwrite, talk);
    }
    let wanted = args.command.as_ref().map_or("trapan".to_owned(), |command| format!("trapan-{command}"));
    let Some(page) = pages.iter().find(|page| page.get_name() == wanted) else {
        return Err(CliError::NoCommand { name: args.command.clone().unwrap_or_default() });
    };
    terminal::ours(&roff(page));
    Ok(())
}

/// Every command under the name of its page.
fn pages() -> Vec<Command> {
    let mut trapan = Cli::command().disable_help_subcommand(true);
    trapan.build();
    let mut pages = vec![trapan.clone()];
    pages.extend(trapan.get_subcommands().map(|command| {
        let name = format!("trapan-{}", command.get_name());
        command.clone().name(&name).display_name(name).version(env!("CARGO_PKG_VERSION"))
    }));
    pages
}

fn roff(page: &Command) -> String {
    let mut text = Vec::new();
    Man::new(page.clone()).render(&mut text).expect("memory takes all");
    String::from_utf8_lossy(&text).into_owned()
}

fn write(pages: &[Command], folder: &Path, overwrite: bool, talk: Talk) -> Result<(), CliError> {
    create_folder(folder)?;
    let path = |page: &Command| folder.join(format!("{}.1", page.get_name()));
    pages.iter().try_for_each(|page| check_output(&path(page), overwrite))?;
    let write = |page: &Command| -> Result<(), TiffError> {
        write_atomically(&path(page), overwrite, |file| file.write_all(roff(page).as_bytes()))
    };
    pages.iter().try_for_each(write)?;
    talk.say(format_args!("wrote {} pages into {}", pages.len(), folder.display()));
    Ok(())
}
