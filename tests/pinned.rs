//! What the program writes and says, held as it is: a table of small runs, and for each of them the exit code, stdout,
//! stderr and a checksum of every file, compared with `data/pinned.json`. A change inside the program that is meant to
//! change nothing for its users leaves this test green.
//!
//! - `TRAPAN_PIN=write` writes `pinned.json` anew instead of comparing: after a change that is meant, or new cases.
//! - `TRAPAN_PIN_ONLY=<text>` runs only the cases with this text in their name; nothing is written then.
//! - `TRAPAN_PIN_KEEP=<folder>` keeps, per case, all texts and files as they are compared: kept before a change and
//!   after it, two such folders are compared by `diff -r`.
//! - `TRAPAN_PIN_THREADS=<n>` is the `-j` of every run, 1 if not given. No number changes a byte.
//!
//! The bits are those of the GNU C library, whose sines may differ in the last bit elsewhere, on x86-64 with AVX2 and
//! FMA: the networks run on `--device cpu:portable`, but the matrix products of the consistency step take the widest
//! instructions there are, and give the same with AVX2 and AVX-512 only. See [`plain`] for what is not compared, since
//! it varies from run to run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{env, fs, thread};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

mod cases;
mod inputs;
mod plain;

use cases::{CASES, INPUTS};
use plain::{plain, plain_bytes};

use crate::support::skipped;

/// Texts of more lines or bytes than this are held by checksums.
const MOST_LINES: usize = 40;
const MOST_BYTES: usize = 6000;

/// A text as it is compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Text {
    Whole(Vec<String>),
    /// Of a long one its checksum, and four digits of that of each line, to find the lines that differ.
    Long {
        sha256: String,
        lines: String,
    },
}

/// A file as it is compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(Text),
    /// Checksum and length.
    Bytes(String),
}

/// One run of the program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Ran {
    command: String,
    code: Option<i32>,
    stdout: Text,
    stderr: Text,
}

/// A case: its runs, and the files there are in the end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Record {
    runs: Vec<Ran>,
    files: BTreeMap<String, Content>,
}

type Records = BTreeMap<String, Record>;

/// Long texts as they were found, by case and file: differences are shown in them.
type Found = BTreeMap<String, String>;

fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digits(line: &str) -> String {
    checksum(line.as_bytes())[..4].to_owned()
}

impl Text {
    fn of(text: &str) -> Self {
        match text.lines().count() <= MOST_LINES && text.len() <= MOST_BYTES {
            true => Self::Whole(text.split('\n').map(str::to_owned).collect()),
            false => Self::Long { sha256: checksum(text.as_bytes()), lines: text.split('\n').map(digits).collect() },
        }
    }

    /// Where two texts part: the first line that differs, as it was and as it is. `text` is the found one.
    fn parting(&self, wanted: &Self, text: Option<&str>) -> String {
        // Lines of either, as far as they are known, and what they are compared by.
        let split = |side: &Self| -> Vec<(String, String)> {
            match side {
                Self::Whole(lines) => lines.iter().map(|line| (digits(line), line.clone())).collect(),
                Self::Long { lines, .. } => {
                    let known: Vec<&str> =
                        if std::ptr::eq(side, self) { text.unwrap_or("").split('\n').collect() } else { vec![] };
                    let lines = lines.as_bytes().chunks(4).map(|four| String::from_utf8_lossy(four).into_owned());
                    lines
                        .enumerate()
                        .map(|(i, four)| (four, known.get(i).map_or("(held by a checksum)", |line| line).to_owned()))
                        .collect()
                }
            }
        };
        let (found, wanted) = (split(self), split(wanted));
        let differs = |i: &usize| found.get(*i).map(|line| &line.0) != wanted.get(*i).map(|line| &line.0);
        let length = found.len().max(wanted.len());
        let Some(first) = (0..length).find(differs) else {
            return "the same lines by their short checksums".to_owned();
        };
        let shown = |lines: &[(String, String)]| {
            let line = lines.get(first).map_or("(no such line)", |line| &line.1);
            line.chars().take(300).collect::<String>()
        };
        let count = (0..length).filter(differs).count();
        format!(
            "line {} is the first of {count} that differ\n      was: {}\n      is:  {}",
            first + 1,
            shown(&wanted),
            shown(&found)
        )
    }
}

/// Every difference between two sets of records, a line or some each.
fn differences(found: &Records, wanted: &Records, texts: &Found) -> Vec<String> {
    let mut all = Vec::new();
    for (name, record) in found {
        let Some(held) = wanted.get(name) else {
            all.push(format!("{name}: not in pinned.json"));
            continue;
        };
        if record.runs.len() != held.runs.len() {
            all.push(format!("{name}: {} runs instead of {}", record.runs.len(), held.runs.len()));
        }
        for (i, (run, held)) in record.runs.iter().zip(&held.runs).enumerate() {
            let label = format!("{name}: {}", run.command);
            if run.command != held.command {
                all.push(format!("{label}\n    the command was {}", held.command));
            }
            if run.code != held.code {
                all.push(format!("{label}\n    exit code {:?} instead of {:?}", run.code, held.code));
            }
            for (stream, text, held) in [("stdout", &run.stdout, &held.stdout), ("stderr", &run.stderr, &held.stderr)] {
                if text != held {
                    let whole = texts.get(&format!("{name}/{i}.{stream}")).map(String::as_str);
                    all.push(format!("{label}\n    {stream}: {}", text.parting(held, whole)));
                }
            }
        }
        for (file, content) in &record.files {
            let text = texts.get(&format!("{name}/{file}")).map(String::as_str);
            match (content, held.files.get(file)) {
                (_, None) => all.push(format!("{name}: {file} is new")),
                (content, Some(held)) if content == held => (),
                (Content::Text(content), Some(Content::Text(held))) => {
                    all.push(format!("{name}: {file}: {}", content.parting(held, text)));
                }
                (content, Some(held)) => {
                    all.push(format!("{name}: {file}: other bytes, {content:?} instead of {held:?}"))
                }
            }
        }
        all.extend(
            held.files.keys().filter(|f| !record.files.contains_key(*f)).map(|f| format!("{name}: {f} is not there")),
        );
    }
    all
}

/// The words of a command: `@x` is a pair of the inputs, `+cpu` the device, `+short` a training of a moment.
fn words(command: &str) -> Vec<String> {
    let threads = env::var("TRAPAN_PIN_THREADS").unwrap_or_else(|_| "1".to_owned());
    let device = format!("--device cpu:portable -j {threads}");
    let expand = |word: &str| match word {
        "+cpu" => device.clone(),
        "+short" => format!("--epochs 2 --dam-epochs 1 --warm-up-epochs 1 --width 8 --blocks 1 {device}"),
        word => match word.strip_prefix('@') {
            Some(pair) => format!("in/{pair}/pan.tif in/{pair}/ms.tif"),
            None => word.to_owned(),
        },
    };
    command.split_whitespace().flat_map(|word| expand(word).split(' ').map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The program in a folder, knowing nothing of this machine that could be said: neither a GPU nor a terminal.
fn program(folder: &Path, command: &str) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_trapan"));
    program.current_dir(folder).args(words(command)).stdin(Stdio::null()).env_clear();
    program.env("TRAPAN_NO_KERNEL_CACHE", "1").env("VK_DRIVER_FILES", "/none").env("VK_ICD_FILENAMES", "/none");
    program.envs(["RAYON_NUM_THREADS", "TMPDIR"].iter().filter_map(|name| Some((*name, env::var_os(name)?))));
    program
}

/// What a case does besides running the program: `cp FROM TO`, `put FILE TEXT`, `mkdir FOLDER`.
fn prepare(folder: &Path, command: &str) -> bool {
    let path = |name: &str| folder.join(name);
    match command.split_whitespace().collect::<Vec<_>>()[..] {
        ["cp", from, to] => _ = fs::copy(path(from), path(to)).expect("a copy"),
        ["put", name, text] => fs::write(path(name), text.replace("\\n", "\n")).expect("a file"),
        ["mkdir", name] => fs::create_dir_all(path(name)).expect("a folder"),
        _ => return false,
    }
    true
}

/// Breaks a run off once it has begun to train, so that it leaves a checkpoint. After how many steps is chance, and
/// on a fast machine it may have ended: what it leaves is of use to the next run only.
fn interrupt(folder: &Path, command: &str) {
    for pause in [300, 600, 1200, 2400] {
        let mut program = program(folder, command);
        let mut child = program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
        thread::sleep(Duration::from_millis(pause));
        let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status();
        let ended = child.wait().expect("the program ends").success();
        let mut left = BTreeMap::new();
        files(folder, "", &mut left);
        if ended || left.keys().any(|name| name.ends_with(".checkpoint")) {
            return;
        }
    }
}

/// Every file of a folder by its path in it; links are the inputs.
fn files(folder: &Path, within: &str, all: &mut BTreeMap<String, PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let kind = entry.file_type().expect("a kind");
        let name = format!("{within}{}", entry.file_name().to_string_lossy());
        if kind.is_dir() {
            files(&entry.path(), &format!("{name}/"), all);
        } else if kind.is_file() {
            all.insert(name, entry.path());
        }
    }
}

fn is_text(name: &str) -> bool {
    [".json", ".jsonl", ".html", ".txt"].iter().any(|end| name.ends_with(end))
}

/// Runs a case in a folder of its own.
fn record(root: &Path, name: &str, commands: &[&str], texts: &Mutex<Found>) -> Record {
    let folder = root.join(name);
    fs::create_dir_all(&folder).expect("a folder");
    if root.join("in") != folder {
        std::os::unix::fs::symlink(root.join("in"), folder.join("in")).expect("a link");
    }
    let kept = env::var_os("TRAPAN_PIN_KEEP").map(|to| Path::new(&to).join(name));
    let keep = |file: &str, bytes: &[u8]| {
        if let Some(to) = kept.as_ref().map(|to| to.join(file)) {
            fs::create_dir_all(to.parent().expect("a folder")).and_then(|()| fs::write(to, bytes)).expect("writable");
        }
    };
    let text = |file: &str, bytes: &[u8]| {
        let text = plain(&String::from_utf8_lossy(bytes), &root.display().to_string());
        keep(file, text.as_bytes());
        let found = Text::of(&text);
        texts.lock().expect("no case panicked").insert(format!("{name}/{file}"), text);
        found
    };
    let mut found = Record::default();
    for (i, command) in commands.iter().enumerate() {
        if prepare(&folder, command) {
            continue;
        }
        if let Some(command) = command.strip_prefix("interrupted ") {
            interrupt(&folder, command);
            continue;
        }
        let output = program(&folder, command).output().expect("the program starts");
        found.runs.push(Ran {
            command: (*command).to_owned(),
            code: output.status.code(),
            stdout: text(&format!("{i}.stdout"), &output.stdout),
            stderr: text(&format!("{i}.stderr"), &output.stderr),
        });
    }
    let mut there = BTreeMap::new();
    files(&folder, "", &mut there);
    for (file, path) in there {
        let bytes = fs::read(path).expect("readable");
        let content = if is_text(&file) {
            Content::Text(text(&file, &bytes))
        } else {
            let bytes = plain_bytes(bytes);
            keep(&file, &bytes);
            Content::Bytes(format!("{} {}", checksum(&bytes), bytes.len()))
        };
        found.files.insert(file, content);
    }
    found
}

/// Runs all cases, several at once.
fn run(only: &str) -> (Records, Found) {
    let root = tempfile::tempdir().expect("a temporary folder");
    // Links in the way to it would make two names of one.
    let root = &root.path().canonicalize().expect("a folder");
    inputs::write(&root.join("in"));
    let (texts, records) = (Mutex::default(), Mutex::new(Records::new()));
    let made = record(root, "in", INPUTS, &texts);
    let cases: Vec<_> = CASES.iter().filter(|(name, _)| name.contains(only)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((name, commands)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let found = record(root, name, commands, &texts);
            records.lock().expect("no case panicked").insert((*name).to_owned(), found);
        }
    };
    let workers = thread::available_parallelism().map_or(1, |n| n.get()).min(8);
    thread::scope(|scope| (0..workers).for_each(|_| _ = scope.spawn(work)));
    let mut records = records.into_inner().expect("no case panicked");
    records.insert("in".to_owned(), made);
    (records, texts.into_inner().expect("no case panicked"))
}

fn held() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pinned.json")
}

fn wanted() -> Records {
    let text = fs::read_to_string(held()).expect("pinned.json, which TRAPAN_PIN=write writes");
    serde_json::from_str(&text).expect("pinned.json is as this test writes it")
}

#[test]
fn everything_stays_as_it_is() {
    if !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")) {
        skipped("pinned runs: this machine multiplies matrices without AVX2 and FMA, and rounds them otherwise");
        return;
    }
    let only = env::var("TRAPAN_PIN_ONLY").unwrap_or_default();
    let (found, texts) = run(&only);
    if env::var("TRAPAN_PIN").is_ok_and(|what| what == "write") && only.is_empty() {
        fs::write(held(), serde_json::to_string_pretty(&found).expect("plain values") + "\n").expect("writable");
        return;
    }
    let wanted = wanted();
    let mut all = differences(&found, &wanted, &texts);
    if only.is_empty() {
        all.extend(wanted.keys().filter(|name| !found.contains_key(*name)).map(|name| format!("{name}: no such case")));
    }
    assert!(all.is_empty(), "{} differences from pinned.json:\n{}", all.len(), all.join("\n"));
}

/// A change of a record, and words that tell it.
type Change = (fn(&mut Record), &'static [&'static str]);

/// The comparison sees one thing that changed, whatever it is.
#[test]
fn a_change_is_seen() {
    fn long(text: &str) -> Text {
        Text::of(&format!("{}{text}\n", "a line\n".repeat(100)))
    }
    let run = Ran { command: "info".into(), code: Some(0), stdout: Text::of("a\nb\n"), stderr: long("b") };
    let files = [("a.tif", Content::Bytes("00 1".into())), ("a.json", Content::Text(long("b")))];
    let files = files.map(|(name, content)| (name.to_owned(), content)).into();
    let record = Record { runs: vec![run], files };
    let seen = |change: fn(&mut Record)| {
        let mut changed = record.clone();
        change(&mut changed);
        let texts = [("case/0.stderr".to_owned(), format!("{}c\n", "a line\n".repeat(100)))].into();
        let set = |record: &Record| Records::from([("case".to_owned(), record.clone())]);
        differences(&set(&changed), &set(&record), &texts)
    };
    assert_eq!(seen(|_| ()), [""; 0]);
    let changes: [Change; 8] = [
        (|r| r.runs[0].code = Some(1), &["case: info", "exit code Some(1) instead of Some(0)"]),
        (|r| r.runs[0].stdout = Text::of("a\nc\n"), &["stdout: line 2 is the first of 1", "was: b", "is:  c"]),
        (|r| r.runs[0].stderr = long("c"), &["stderr: line 101 is the first of 1", "is:  c"]),
        (|r| r.runs.clear(), &["0 runs instead of 1"]),
        (|r| _ = r.files.insert("a.tif".into(), Content::Bytes("01 1".into())), &["a.tif: other bytes", "01 1"]),
        (|r| _ = r.files.insert("a.json".into(), Content::Text(long("c"))), &["a.json: line 101"]),
        (|r| _ = r.files.remove("a.tif"), &["a.tif is not there"]),
        (|r| _ = r.files.insert("b.tif".into(), Content::Bytes("00 1".into())), &["b.tif is new"]),
    ];
    for (change, words) in changes {
        let said = seen(change);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(words.iter().all(|word| said[0].contains(word)), "{words:?} in {said:?}");
    }
    assert_eq!(differences(&Records::from([("new".to_owned(), record)]), &Records::new(), &Found::new()).len(), 1);
}
