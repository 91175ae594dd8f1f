//! Where scenes come from: folders, lists, tables, collections.

use std::fs;
use std::path::{Component, Path, PathBuf, absolute};

use toml::{Table, Value};
use trapan::product::Product;
use trapan::tiff::{TiffError, is_address, placed, shown};

use super::ManyError;
use crate::cli::pairs::{self, PairEntry};
use crate::cli::{CliError, Talk, stac};

/// A scene to fuse.
pub(super) struct SceneSource {
    /// Of its results.
    pub name: String,
    /// PAN and MS, or the folder of a product.
    pub reads: Vec<PathBuf>,
    /// Options of its own.
    pub options: Table,
}

/// The scenes that files or a folder name: a pair by itself, else what is in the one.
pub(super) fn scenes(given: &[PathBuf], assets: &stac::Assets, talk: Talk) -> Result<Vec<SceneSource>, CliError> {
    let scenes = match given {
        [one] if one.is_dir() => in_folder(one, talk)?,
        [one] if is_address(one) && !stac::is_item(one) => return Err(CliError::OneFile { path: shown(one) }),
        [one] if is_address(one) => stac::items(one, assets)?.into_iter().map(of_item).collect(),
        [one] => match one.extension().map(|end| end.to_string_lossy().to_lowercase()).as_deref() {
            Some("csv") => in_table(one)?,
            Some("json" | "geojson") => stac::items(one, assets)?.into_iter().map(of_item).collect(),
            _ => pairs::entries(one)?.into_iter().map(listed).collect(),
        },
        pair => vec![SceneSource { name: name_of(&pair[0]), reads: pair.to_vec(), options: Table::new() }],
    };
    if scenes.is_empty() {
        return Err(CliError::NoPairs { path: given[0].clone() });
    }
    let wrong = |what| ManyError::Scenes { path: given[0].clone(), what, fix: "give each a name in a list or a table" };
    // Results are named by it: no collection says where else they go.
    let is_plain = |name: &str| Path::new(name).components().eq([Component::Normal(name.as_ref())]);
    if let Some(scene) = scenes.iter().find(|scene| !is_plain(&scene.name)) {
        return Err(wrong(format!("a scene is called {:?}, which is no name of a file", scene.name)).into());
    }
    let mut names: Vec<&str> = scenes.iter().map(|scene| &scene.name[..]).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(wrong(format!("two scenes are called {}", twice[0])).into());
    }
    Ok(scenes)
}

/// What a pair is called: by its PAN, or by the folder of that, where the file is called as any.
fn name_of(pan: &Path) -> String {
    let pan = shown(pan);
    let stem = pan.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let whole = absolute(&pan).unwrap_or_default();
    let folder = whole.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    folder.filter(|_| stem.eq_ignore_ascii_case("pan")).unwrap_or(stem)
}

/// A STAC item.
fn of_item(item: stac::Found) -> SceneSource {
    SceneSource { name: item.id, reads: item.reads, options: Table::new() }
}

/// A pair of a list.
fn listed(entry: PairEntry) -> SceneSource {
    let reads = [std::slice::from_ref(&entry.pan), entry.ms()].concat();
    let sensor = entry.sensor.map(|sensor| ("sensor".to_owned(), Value::String(sensor.to_string())));
    SceneSource {
        name: entry.name.unwrap_or_else(|| name_of(&entry.pan)),
        reads,
        options: sensor.into_iter().collect(),
    }
}

/// Pairs in subfolders, and folders of products.
fn in_folder(folder: &Path, talk: Talk) -> Result<Vec<SceneSource>, CliError> {
    let mut scenes: Vec<SceneSource> = pairs::entries(folder)?.into_iter().map(listed).collect();
    let failed = |source| TiffError::Unreadable { path: folder.to_owned(), source };
    let listed = fs::read_dir(folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>()).map_err(failed)?;
    let mut folders: Vec<PathBuf> = listed.into_iter().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.push(folder.to_owned());
    folders.sort();
    for path in folders.into_iter().filter(|path| !path.join("pan.tif").is_file()) {
        match Product::open(&path, &[]) {
            Ok(_) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                scenes.push(SceneSource { name, reads: vec![path], options: Table::new() });
            }
            Err(_) if path == folder => {}
            Err(error) => talk.say(format_args!("warning: left out: {error}")),
        }
    }
    Ok(scenes)
}

/// A table with a heading: pan, ms (several with ; between) or product, perhaps name; other columns are options of `fuse`.
fn in_table(path: &Path) -> Result<Vec<SceneSource>, CliError> {
    let wrong = |line: u64, reason: String| CliError::Line {
        path: path.to_owned(),
        line: line as usize,
        wanted: "scene of a table",
        reason,
        fix: "give the columns pan and ms, or product, and as you like name and options of fuse",
    };
    let unreadable = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(source) => TiffError::Unreadable { path: path.to_owned(), source }.into(),
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            wrong(pos.map_or(0, |pos| pos.line()), format!("it has {len} cells under {expected_len} headings"))
        }
        other => wrong(0, format!("{other:?}")),
    };
    let mut table = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(unreadable)?;
    let headings = table.headers().map_err(unreadable)?.clone();
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut scenes = Vec::new();
    for row in table.records() {
        let row = row.map_err(unreadable)?;
        let line = row.position().map_or(0, csv::Position::line);
        let (mut scene, mut pan, mut ms) =
            (SceneSource { name: String::new(), reads: vec![], options: Table::new() }, None, vec![]);
        for (heading, cell) in headings.iter().zip(&row).filter(|(_, cell)| !cell.is_empty()) {
            match heading {
                "name" => scene.name = cell.to_owned(),
                "pan" | "product" => pan = Some(placed(folder, cell.as_ref())),
                "ms" => ms = cell.split(';').map(|file| placed(folder, file.trim().as_ref())).collect(),
                _ => {
                    let value = cell.parse().map_or(Value::String(cell.to_owned()), Value::Boolean);
                    scene.options.insert(heading.to_owned(), value);
                }
            }
        }
        let Some(pan) = pan else { return Err(wrong(line, "it names no pan and no product".to_owned())) };
        if scene.name.is_empty() {
            scene.name = name_of(&pan);
        }
        scene.reads = [vec![pan], ms].concat();
        scenes.push(scene);
    }
    Ok(scenes)
}
