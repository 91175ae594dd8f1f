//! A server of files on this machine, with the faults of others: ranges or none, answers that break off, come late, refuse, or
//! change between two questions.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How a file is served.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Manner {
    Well,
    /// Whatever part is asked for, all of it comes.
    Whole,
    /// With this status alone.
    Refused(u16),
    /// The next so many times "busy", then well.
    Busy(usize),
    /// The next so many answers break off in the middle.
    Broken(usize),
    /// Each answer waits so many milliseconds.
    Late(u64),
    /// After so many answers it is another file.
    Changing(usize),
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub method: String,
    /// With the query.
    pub path: String,
    pub range: Option<[u64; 2]>,
}

struct File {
    bytes: Vec<u8>,
    tag: Option<&'static str>,
    manner: Manner,
}

#[derive(Default)]
struct Shelf {
    files: HashMap<String, File>,
    asked: Vec<Asked>,
}

/// It ends with the process of the test.
pub struct Server {
    at: String,
    shelf: Arc<Mutex<Shelf>>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = format!("http://{}", listener.local_addr().expect("an address"));
        let shelf = Arc::<Mutex<Shelf>>::default();
        let held = shelf.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shelf = held.clone();
                thread::spawn(move || converse(stream, &shelf));
            }
        });
        Self { at, shelf }
    }

    /// Puts a file on it, `path` from the root without a slash, and gives its address.
    pub fn put(&self, path: &str, bytes: Vec<u8>, manner: Manner) -> String {
        self.tagged(path, bytes, manner, Some("\"one\""))
    }

    /// The same of a server that does not say which contents they are.
    pub fn tagged(&self, path: &str, bytes: Vec<u8>, manner: Manner, tag: Option<&'static str>) -> String {
        let file = File { bytes, tag, manner };
        self.shelf.lock().expect("no panic").files.insert(format!("/{path}"), file);
        format!("{}/{path}", self.at)
    }

    pub fn address(&self) -> &str {
        &self.at
    }

    /// What was asked for since the last time.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.shelf.lock().expect("no panic").asked)
    }

    /// How often a part of a file was asked for since the last time.
    pub fn gets(&self, end: &str) -> usize {
        self.asked().iter().filter(|asked| asked.method == "GET" && asked.path.ends_with(end)).count()
    }
}

/// Answers what comes over a connection, until it ends.
fn converse(stream: TcpStream, shelf: &Mutex<Shelf>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let asked = read(&mut reader)?;
        let (head, body, late) = answer(&asked, &mut *shelf.lock().ok()?);
        thread::sleep(Duration::from_millis(late));
        (&stream).write_all(head.as_bytes()).ok()?;
        (&stream).write_all(&body.0).ok()?;
        if body.1 {
            return None;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Asked> {
    let mut lines = reader.lines().map_while(Result::ok);
    let first = lines.next()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path, mut range) = (words.next()?, words.next()?, None);
    for line in lines.take_while(|line| !line.is_empty()) {
        if let Some(bytes) = line.to_lowercase().strip_prefix("range: bytes=") {
            let (first, last) = bytes.split_once('-')?;
            range = Some([first.parse().ok()?, last.parse().ok()?]);
        }
    }
    Some(Asked { method, path, range })
}

/// Head and body, whether the connection ends with it, and how late it comes.
fn answer(asked: &Asked, shelf: &mut Shelf) -> (String, (Vec<u8>, bool), u64) {
    shelf.asked.push(asked.clone());
    let status = |code: u16| (format!("HTTP/1.1 {code} no\r\nContent-Length: 0\r\n\r\n"), (Vec::new(), false), 0);
    // Of what may be escaped names here have dots alone.
    let plain = asked.path.split('?').next().unwrap_or_default().replace("%2E", ".");
    let Some(file) = shelf.files.get_mut(&plain) else { return status(404) };
    let (mut breaks, mut late, mut tag) = (false, 0, file.tag);
    match &mut file.manner {
        Manner::Refused(code) => return status(*code),
        Manner::Busy(times @ 1..) => {
            *times -= 1;
            return status(503);
        }
        Manner::Broken(times @ 1..) => {
            *times -= 1;
            breaks = true;
        }
        Manner::Changing(0) => tag = Some("\"two\""),
        Manner::Changing(times) => *times -= 1,
        Manner::Late(ms) => late = *ms,
        Manner::Well | Manner::Whole | Manner::Busy(0) | Manner::Broken(0) => {}
    }
    let size = file.bytes.len();
    let range = asked.range.filter(|_| file.manner != Manner::Whole);
    let (code, part) = match range {
        Some([first, last]) => (206, first as usize..size.min(last as usize + 1)),
        None => (200, 0..size),
    };
    let mut head = format!("HTTP/1.1 {code} well\r\nContent-Length: {}\r\nAccept-Ranges: bytes\r\n", part.len());
    if range.is_some() {
        head += &format!("Content-Range: bytes {}-{}/{size}\r\n", part.start, part.end - 1);
    }
    head += "Last-Modified: Wed, 01 May 2024 10:20:30 GMT\r\n";
    head += &tag.map_or(String::new(), |tag| format!("ETag: {tag}\r\n"));
    let mut body = if asked.method == "HEAD" { Vec::new() } else { file.bytes[part].to_vec() };
    if breaks {
        body.truncate(body.len() / 2);
    }
    (head + "\r\n", (body, breaks), late)
}
