//! Options from a file: what it states is put before the arguments of the command line, which win.
//!
//! A key is an option without its dashes, at the top or in a table with the name of a command. Arrays repeat an option, or
//! list its values. Files are named from where the file of options lies.

use std::any::TypeId;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf, absolute};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, CommandFactory};
use toml::{Table, Value};
use trapan::tiff::{TiffError, is_address, placed};

use super::{Cli, CliError, terminal};

/// Arguments of `config`.
#[derive(Args)]
pub(super) struct ConfigArgs {
    /// A command with its arguments, as it would be run
    #[arg(value_name = "COMMAND", required = true, num_args = 1.., trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// Prints the options that a command would run with, in the form that `--config` reads.
pub(super) fn show(args: &ConfigArgs, config: Option<&Path>) -> Result<(), CliError> {
    let file = config.into_iter().flat_map(|path| [OsString::from("--config"), path.into()]);
    let line: Vec<OsString> =
        std::iter::once("trapan".into()).chain(file).chain(args.command.iter().cloned()).collect();
    let matches = Cli::command().try_get_matches_from(with_file(line)?).unwrap_or_else(|error| error.exit());
    let mut all = Cli::command();
    all.build();
    let (name, matches) = matches.subcommand().expect("a command is required");
    let command = all.find_subcommand(name).expect("it has been matched");
    let (mut given, mut usual) = (Vec::new(), Vec::new());
    for arg in options(command) {
        let Some(value) = value(arg, matches) else { continue };
        let line = format!("{} = {value}", key(arg));
        match matches.value_source(arg.get_id().as_str()) {
            Some(ValueSource::DefaultValue) => usual.push(format!("# {line}")),
            _ => given.push(line),
        }
    }
    terminal::lines(format_args!("[{name}]"));
    given.iter().for_each(terminal::line);
    if !usual.is_empty() {
        terminal::lines("\n# By default:");
    }
    usual.iter().for_each(terminal::line);
    Ok(())
}

/// The arguments with those of the file that `--config` names, if it does, right behind the command.
pub(super) fn with_file(args: Vec<OsString>) -> Result<Vec<OsString>, CliError> {
    // What is missing may stand in the file; what is wrong is found when all is parsed.
    let Ok(matches) = Cli::command().ignore_errors(true).try_get_matches_from(&args) else { return Ok(args) };
    let (Some(path), Some((name, given))) = (matches.get_one::<PathBuf>("config"), matches.subcommand()) else {
        return Ok(args);
    };
    if name == "config" {
        return Ok(args);
    }
    let mut all = Cli::command();
    all.build();
    let command = all.find_subcommand(name).expect("it has been matched");
    let text = fs::read_to_string(path).map_err(|source| TiffError::Unreadable { path: path.clone(), source })?;
    let stated = stated(path, &table(path, &text)?, &all, command)?;
    let is_given = |arg: &Arg| matches!(given.value_source(arg.get_id().as_str()), Some(ValueSource::CommandLine));
    let given: Vec<&Arg> = options(command).filter(|arg| is_given(arg)).collect();
    let excludes = |a: &Arg, b: &Arg| command.get_arg_conflicts_with(a).iter().any(|c| c.get_id() == b.get_id());
    let wins = |arg: &Arg| {
        given.iter().any(|given| given.get_id() == arg.get_id() || excludes(given, arg) || excludes(arg, given))
    };
    let added = stated.into_iter().filter(|(arg, _)| !wins(arg)).flat_map(|(_, words)| words);
    let at = place(&args, name);
    Ok(args[..at].iter().cloned().chain(added).chain(args[at..].iter().cloned()).collect())
}

/// Where the arguments of a command begin.
fn place(args: &[OsString], name: &str) -> usize {
    let is_value = |i: usize| args[i - 1] == "--config";
    (1..args.len()).find(|i| args[*i] == name && !is_value(*i)).map_or(args.len(), |i| i + 1)
}

/// Options that may stand in a file.
fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| !["help", "version", "config"].contains(&arg.get_id().as_str()))
}

/// The name of an option in a file.
fn key(arg: &Arg) -> &str {
    arg.get_long().unwrap_or(arg.get_id().as_str())
}

/// The options of `fuse` that a table states, as arguments; `path` is the file that it stands in.
pub(super) fn of_fuse(path: &Path, table: &Table) -> Result<Vec<OsString>, CliError> {
    let mut all = Cli::command();
    all.build();
    let command = all.find_subcommand("fuse").expect("there is such a command");
    Ok(stated(path, table, &all, command)?.into_iter().flat_map(|(_, words)| words).collect())
}

/// Options of `fuse` as a table; `None` if there are files among them.
pub(super) fn as_table(words: &[OsString]) -> Option<Table> {
    let line = ["trapan", "fuse", "--output=-"].map(OsString::from).into_iter().chain(words.iter().cloned());
    let line = line.chain(["--", "-", "-"].map(OsString::from));
    let matches = Cli::command().try_get_matches_from(line).unwrap_or_else(|error| error.exit());
    let mut all = Cli::command();
    all.build();
    let (name, matches) = matches.subcommand().expect("a command is given");
    let command = all.find_subcommand(name).expect("it has been matched");
    let are = |id: &str, wanted: &[&str]| matches.get_raw(id).is_some_and(|found| found.eq(wanted.iter().copied()));
    let only_options = are("output", &["-"]) && are("files", &["-", "-"]);
    let is_given = |arg: &&Arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    let given = options(command).filter(is_given).filter(|arg| !["files", "output"].contains(&key(arg)));
    let entry = |arg: &Arg| Some((key(arg).to_owned(), read_value(&value(arg, matches)?)?));
    only_options.then(|| given.filter_map(entry).collect())
}

/// What a value means that stands behind a key.
fn read_value(text: &str) -> Option<Value> {
    format!("v = {text}").parse::<Table>().ok()?.remove("v")
}

/// The contents of a file of options.
fn table(path: &Path, text: &str) -> Result<Table, CliError> {
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        CliError::Toml { path: path.to_owned(), line, reason: error.message().to_owned() }
    })
}

/// What a table in a file states for a command, as options and as arguments.
fn stated<'a>(
    path: &Path,
    table: &Table,
    all: &Command,
    command: &'a Command,
) -> Result<Vec<(&'a Arg, Vec<OsString>)>, CliError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let find = |command: &'a Command, key: &str| {
        let names = |arg: &&Arg| {
            let name = key.replace('_', "-");
            self::key(arg) == name || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&&name[..]))
        };
        options(command).find(names)
    };
    let (mut stated, mut unknown) = (Vec::new(), Vec::new());
    let mut take = |key: &str, value: &Value, shown: String| {
        match find(command, key) {
            Some(arg) => {
                let words = words(arg, value, folder).map_err(|wanted| CliError::Option {
                    path: path.to_owned(),
                    key: shown,
                    wanted,
                })?;
                stated.push((arg, words));
            }
            None => unknown.push(shown),
        }
        Ok::<_, CliError>(())
    };
    let mut strange = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(options) if key == command.get_name() => {
                options.iter().try_for_each(|(name, value)| take(name, value, format!("{key}.{name}")))?;
            }
            Value::Table(_) if all.find_subcommand(key).is_some() => {}
            Value::Table(_) => strange.push(format!("[{key}]")),
            _ => take(key, value, key.clone())?,
        }
    }
    unknown.extend(strange);
    if !unknown.is_empty() {
        let command = command.get_name().to_owned();
        return Err(CliError::UnknownOptions { path: path.to_owned(), keys: unknown.join(", "), command });
    }
    // A table of the command says more than the top of the file.
    let places: Vec<_> = stated.iter().map(|(arg, _)| arg.get_id().clone()).collect();
    let mut last = (0..).zip(stated).filter(|(i, (arg, _))| !places[i + 1..].contains(arg.get_id()));
    Ok(last.by_ref().map(|(_, stated)| stated).collect())
}

/// A value as arguments.
fn words(arg: &Arg, value: &Value, folder: &Path) -> Result<Vec<OsString>, &'static str> {
    let flag = |end: &str| arg.get_long().map(|long| format!("--{long}{end}"));
    let takes_none = arg.get_num_args().is_some_and(|n| n.min_values() == 0);
    match (value, flag("")) {
        (Value::Boolean(yes), Some(flag)) if takes_none => return Ok(yes.then(|| flag.into()).into_iter().collect()),
        (_, _) if matches!(arg.get_action(), ArgAction::SetTrue) => return Err("true or false"),
        _ => {}
    }
    let is_path = arg.get_value_parser().type_id() == TypeId::of::<PathBuf>();
    let text = |value: &Value| match value {
        Value::String(text) if is_path => Ok(placed(folder, text.as_ref()).into_os_string()),
        Value::String(text) => Ok(text.into()),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) if !is_path => Ok(value.to_string().into()),
        _ => Err(if is_path { "a file, as text" } else { "text, a number, or a list of these" }),
    };
    let texts = match value {
        Value::Array(list) => list.iter().map(text).collect::<Result<Vec<_>, _>>()?,
        one => vec![text(one)?],
    };
    let texts = match arg.get_action() {
        ArgAction::Append => texts,
        _ => vec![texts.join(OsStr::new(","))],
    };
    let named = |text: OsString| match flag("=") {
        Some(flag) => [OsString::from(flag), text].into_iter().collect(),
        None => text,
    };
    Ok(texts.into_iter().map(named).collect())
}

/// What an option has, as a file states it; files by where they lie.
fn value(arg: &Arg, matches: &ArgMatches) -> Option<String> {
    let id = arg.get_id().as_str();
    let texts: Vec<&OsStr> = matches.try_get_raw(id).ok()??.collect();
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        return matches.get_flag(id).then(|| "true".into());
    }
    let is_path = arg.get_value_parser().type_id() == TypeId::of::<PathBuf>();
    let shown = |text: &OsStr| {
        let path = if is_path && !is_address(text.as_ref()) { absolute(text).ok() } else { None };
        let text = path.map_or(text.to_string_lossy(), |path| path.to_string_lossy().into_owned().into());
        match read_value(&text).filter(|_| !is_path) {
            Some(Value::Integer(_) | Value::Float(_)) => text.into_owned(),
            _ => Value::String(text.into_owned()).to_string(),
        }
    };
    match (&texts[..], arg.get_action()) {
        ([], _) => None,
        ([one], ArgAction::Set) => Some(shown(one)),
        (list, _) => Some(format!("[{}]", list.iter().map(|text| shown(text)).collect::<Vec<_>>().join(", "))),
    }
}
