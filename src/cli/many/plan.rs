//! `trapan plan`: scenes to a manifest.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf, absolute};

use clap::Args;
use toml::{Table, Value};
use trapan::tiff::{check_output, is_address, write_atomically};

use super::ManyError;
use super::manifest::{Action, Entry, Manifest};
use super::scenes::{SceneSource, scenes};
use crate::cli::infer::Strip;
use crate::cli::stac::Assets;
use crate::cli::{CliError, Talk, options};

/// Arguments of `plan`.
#[derive(Args)]
pub(crate) struct PlanArgs {
    /// A folder with subfolders of pan.tif and ms.tif or of products; a list of pairs as for `trapan train`; a table
    /// (.csv) with the columns pan and ms (several with ; between) or product, perhaps name, and options of fuse; a STAC
    /// item or collection of items (.json, or an address); or the PAN file and the MS file or files of one scene
    #[arg(value_name = "SCENES | PAN MS", required = true)]
    scenes: Vec<PathBuf>,
    /// Manifest to write: lines of JSON, with files named from where it lies
    #[arg(short, long, value_name = "FILE.jsonl")]
    output: PathBuf,
    /// Replace an existing manifest
    #[arg(long)]
    overwrite: bool,
    /// Folder for results: NAME.tif of each scene [default: the manifest's]
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// For huge scenes: train each once, apply the networks to N strips of rows, assemble these
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    strips: Option<u32>,
    #[command(flatten)]
    assets: Assets,
    /// Options of `trapan fuse` for all scenes; {name} stands for the scene's name
    #[arg(last = true, value_name = "OPTIONS OF fuse")]
    options: Vec<OsString>,
}

/// Runs `plan`.
pub(crate) fn run(args: &PlanArgs, talk: Talk) -> Result<(), CliError> {
    check_output(&args.output, args.overwrite)?;
    let options = options::as_table(&args.options).ok_or(ManyError::PlanOptions)?;
    let folder = whole(args.output.parent().unwrap_or(Path::new("")));
    let place = |path: &Path| {
        if is_address(path) {
            return path.to_owned();
        }
        let path = whole(path);
        path.strip_prefix(&folder).map_or(path.clone(), Path::to_owned)
    };
    let into = args.into.as_deref().map_or(PathBuf::new(), place);
    let scenes = scenes(&args.scenes, &args.assets, talk)?;
    let count = scenes.len();
    let mut lines = String::new();
    for mut scene in scenes {
        scene.reads.iter_mut().for_each(|path| *path = place(path));
        // Of a table: those behind -- are checked already.
        let own = std::mem::take(&mut scene.options);
        options::of_fuse(&args.scenes[0], &own)?;
        let told = |(key, value)| (key, told(value, &scene.name, &folder));
        scene.options = options.clone().into_iter().chain(own).map(told).collect();
        for entry in entries(scene, &into, args.strips) {
            // Only what is no text in Unicode has no JSON.
            let line = serde_json::to_string(&entry).map_err(|e| ManyError::Scenes {
                path: args.scenes[0].clone(),
                what: format!("a path in it cannot stand in a manifest: {e}"),
                fix: "give files and folders names in UTF-8",
            })?;
            lines += &format!("{line}\n");
        }
    }
    Manifest::parse(&args.output, &lines)?;
    write_atomically(&args.output, args.overwrite, |file| file.write_all(lines.as_bytes()))?;
    let all = lines.lines().count();
    let scenes = if count == 1 { "scene" } else { "scenes" };
    talk.say(format_args!("wrote {}: {count} {scenes}, entries 0 to {}", args.output.display(), all - 1));
    Ok(())
}

/// A path from the root, as it is written.
fn whole(path: &Path) -> PathBuf {
    // Fails for an empty path alone: that of where we are.
    absolute(path).or_else(|_| std::env::current_dir()).unwrap_or_default()
}

/// A value with the scene's name in it, and files named from the folder.
fn told(value: Value, name: &str, folder: &Path) -> Value {
    match value {
        Value::String(text) => {
            let text = text.replace("{name}", name);
            let inside = Path::new(&text).strip_prefix(folder).ok().and_then(Path::to_str);
            Value::String(inside.unwrap_or(&text).to_owned())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(|value| told(value, name, folder)).collect()),
        other => other,
    }
}

/// The entries that a scene takes.
fn entries(scene: SceneSource, into: &Path, strips: Option<u32>) -> Vec<Entry> {
    let SceneSource { name, reads, options } = scene;
    let output = into.join(format!("{name}.tif"));
    let entry =
        |run, output| Entry { run, reads: reads.clone(), model: None, strip: None, output, options: options.clone() };
    let Some(strips) = strips else { return vec![entry(Action::Fuse, output)] };
    let parts = into.join(&name);
    let model = parts.join("model.safetensors");
    let digits = strips.to_string().len();
    let apply = Strip::all(strips as usize).enumerate().map(|(i, strip)| Entry {
        model: Some(model.clone()),
        strip: Some(strip),
        ..entry(Action::Apply, parts.join(format!("strip-{:0digits$}.tif", i + 1)))
    });
    let apply: Vec<Entry> = apply.collect();
    let strips: Vec<PathBuf> = apply.iter().map(|entry| entry.output.clone()).collect();
    let storage: Table = options.iter().filter(|(key, _)| *key == "co").map(|(k, v)| (k.clone(), v.clone())).collect();
    let last = Entry { run: Action::Assemble, reads: strips, options: storage, ..entry(Action::Assemble, output) };
    [vec![entry(Action::Train, model.clone())], apply, vec![last]].concat()
}
