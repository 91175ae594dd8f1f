//! What is not compared, because it varies from run to run or from machine to machine.

/// A text without times (`# s`, `# ms`, `"seconds"` in JSON, the column `time`, shares of the time in the page and in
/// `--profile`), numbers of threads, names of this machine's instruction set, the program's version, and the temporary
/// folder. Everything else is compared.
pub fn plain(text: &str, folder: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut text = text.replace(folder, "FOLDER");
    for before in ["\"trapan\": \"", "\"version\":\"", "\"version\": \"", "trapan "] {
        text = text.replace(&format!("{before}{version}"), &format!("{before}#"));
    }
    // Of the CPU as `info` and `devices` name it; what a run was told to take is written small.
    for isa in ["Avx512", "Avx2", "Portable"] {
        text = text.replace(isa, "ISA");
    }
    let text = numbers(&text, |rest| [" s", " ms", " threads"].iter().any(|unit| is_unit(rest, unit)));
    let text = lines(&page(&seconds(&text)));
    // A page has all its content in one line: shorter ones are told apart better.
    let parts: &[&str] =
        if text.starts_with("<!DOCTYPE") { &["<section", "<figure", "<tr", "<li", "<dt"] } else { &[] };
    parts.iter().fold(text, |text, part| text.replace(part, &format!("\n{part}")))
}

/// The same for a file that is no text: GeoTIFFs name the program's version.
pub fn plain_bytes(bytes: Vec<u8>) -> Vec<u8> {
    let version = format!("trapan {}", env!("CARGO_PKG_VERSION")).into_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = &bytes[..];
    while let Some(at) = rest.windows(version.len()).position(|part| part == version) {
        plain.extend([&rest[..at], b"trapan #"].concat());
        rest = &rest[at + version.len()..];
    }
    plain.extend(rest);
    plain
}

fn is_unit(rest: &str, unit: &str) -> bool {
    rest.strip_prefix(unit).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

/// Replaces every number after which the text is as wanted.
fn numbers(text: &str, wanted: impl Fn(&str) -> bool) -> String {
    let mut plain = String::with_capacity(text.len());
    let (mut rest, mut before) = (text, ' ');
    while let Some(first) = rest.chars().next() {
        if first.is_ascii_digit() && !before.is_alphanumeric() && before != '.' {
            let length = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
            let (number, after) = rest.split_at(length);
            plain.push_str(if wanted(after) { "#" } else { number });
            (rest, before) = (after, '0');
        } else {
            plain.push(first);
            (rest, before) = (&rest[first.len_utf8()..], first);
        }
    }
    plain
}

/// `"seconds": 1.5` and all numbers of `"seconds": { … }`.
fn seconds(text: &str) -> String {
    let mut parts = text.split("\"seconds\":");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = if part.trim_start().starts_with('{') { part.find('}') } else { part.find([',', '\n', '}']) };
        let (value, rest) = part.split_at(end.unwrap_or(part.len()));
        plain.extend(["\"seconds\":", &every_number(value), rest]);
    }
    plain
}

/// All numbers, in the form with an exponent too.
fn every_number(text: &str) -> String {
    numbers(text, |_| true).replace("#e-#", "#")
}

/// Of the page: shares of the time, and the column `time` of the comparison.
fn page(text: &str) -> String {
    let mut parts = text.split("style=\"width: ");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find('%').unwrap_or(0);
        plain.extend(["style=\"width: #", &part[end..]]);
    }
    let head = "time <span class=\"unit\">s</span></th></tr></thead><tbody>";
    let mut parts = plain.split(head).map(str::to_owned).collect::<Vec<_>>();
    for part in &mut parts[1..] {
        let (table, rest) = part.split_at(part.find("</tbody>").unwrap_or(0));
        let rows = table.split("</td></tr>").map(|row| match row.rfind("<td") {
            Some(last) => row[..last].to_owned() + "<td>#",
            None => row.to_owned(),
        });
        *part = rows.collect::<Vec<_>>().join("</td></tr>") + rest;
    }
    parts.join(head)
}

/// What is told by lines.
fn lines(text: &str) -> String {
    let mut plain: Vec<String> = Vec::new();
    // Inside a table with times; in JSON, whether its last column is the time.
    let (mut compared, mut timed) = (false, false);
    // First line of a profile, whose lines are in the order of the time taken.
    let mut profile = None;
    for line in text.split('\n') {
        let trimmed = line.trim();
        let mut line = line.to_owned();
        let measured = |line: &str| line.split_whitespace().rev().take(4).all(|word| word.parse::<f64>().is_ok());
        profile = profile.filter(|_| measured(trimmed) && !trimmed.is_empty());
        if trimmed == "\"name\": \"time\"," {
            timed = true;
        } else if trimmed.starts_with("\"title\":") {
            timed = false;
        }
        if timed && trimmed.starts_with(']') && plain.last().is_some_and(|last| last.trim().parse::<f64>().is_ok()) {
            plain.pop();
            plain.push("#".to_owned());
        }
        compared &= !trimmed.is_empty();
        if compared {
            let end = trimmed.rfind(' ').unwrap_or(0);
            line = format!("{} #", trimmed[..end].trim_end());
        }
        compared |= trimmed.starts_with("method ") && trimmed.ends_with(" time s");
        if line.contains(" s: read ") || line.contains(" s in kernels of ") {
            line = every_number(&line);
        } else if line.contains("total ms") && line.contains("wall %") {
            line = line.split_whitespace().collect::<Vec<_>>().join(" ");
            profile = Some(plain.len() + 1);
        } else if let Some(first) = profile {
            let known = line.split_whitespace().filter(|word| word.parse::<f64>().is_err() || !word.contains('.'));
            line = known.collect::<Vec<_>>().join(" ");
            let at = plain[first..].partition_point(|other| *other <= line);
            plain.insert(first + at, line);
            continue;
        }
        plain.push(line);
    }
    plain.join("\n")
}

#[test]
fn times_are_left_out_and_nothing_else() {
    for (text, wanted) in [
        (
            "wrote a.tif in 1.25 s, 3 pixels, 0.5 m, CPU, 12 threads, Avx512",
            "wrote a.tif in # s, 3 pixels, 0.5 m, CPU, # threads, ISA",
        ),
        ("opened in 10 ms; /tmp/x/a.tif; 7 seconds", "opened in # ms; FOLDER/a.tif; 7 seconds"),
        ("{\"seconds\":0.5,\"a\":0.5}", "{\"seconds\":#,\"a\":0.5}"),
        (
            "{\"seconds\": {\n\"read\": 1e-5,\n\"total\": 2.0\n},\n\"a\": 1.5}",
            "{\"seconds\": {\n\"read\": #,\n\"total\": #\n},\n\"a\": 1.5}",
        ),
        ("0.4 s: read 0.01, load 0.25\nread 0.01", "# s: read #, load #\nread 0.01"),
        (
            "method  a  time s\ntv  0.5   12.25\nexp 0.25  1.5\n\ntv 0.5",
            "method  a  time s\ntv  0.5 #\nexp 0.25 #\n\ntv 0.5",
        ),
        ("span style=\"width: 12.50%\"", "span style=\"width: #%\""),
        (
            "\"name\": \"time\",\n\"values\": [\n0.5,\n0.25\n],\n\"title\":\n[\n0.25\n]",
            "\"name\": \"time\",\n\"values\": [\n0.5,\n#\n],\n\"title\":\n[\n0.25\n]",
        ),
        (
            "call runs total ms wall %\nb x 2 0.5 1.0 2.0 3.0\na y 1 2.5 0.1 2.0 3.0\nwrote b.tif\n",
            "call runs total ms wall %\na y 1\nb x 2\nwrote b.tif\n",
        ),
    ] {
        assert_eq!(plain(text, "/tmp/x"), wanted);
    }
}
