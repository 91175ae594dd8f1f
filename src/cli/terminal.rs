//! Everything that is printed. Output that nobody reads never ends a run that writes files, and no name of a
//! file can move the cursor or look like a line of ours.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use trapan::tiff::{visible, visible_json};

/// Whether what goes to stdout is all there is to gain from this run.
static ONLY_PRINTS: AtomicBool = AtomicBool::new(false);

/// Why stdout takes no more.
static FAILED: Mutex<Option<io::Error>> = Mutex::new(None);

/// Says that the run is for nothing once nobody reads it.
pub(super) fn only_prints() {
    ONLY_PRINTS.store(true, Ordering::Relaxed);
}

/// A line on stdout.
pub(super) fn line(text: impl Display) {
    raw(&visible(&text.to_string()));
}

/// A line on stdout, written as for `println!`.
macro_rules! out {
    ($($text:tt)*) => { $crate::cli::terminal::line(format_args!($($text)*)) };
}
pub(super) use out;

/// Lines of ours on stdout.
pub(super) fn lines(text: impl Display) {
    text.to_string().lines().for_each(line);
}

/// A text of ours alone, with no name from outside in it, as it is.
pub(super) fn ours(text: &str) {
    raw(text.trim_end());
}

/// JSON on stdout.
pub(super) fn json(value: &Value) {
    raw(&visible_json(&format!("{value:#}")));
}

/// A line on stderr.
pub(super) fn note(text: impl Display) {
    // If that fails there is nobody to tell.
    let _ = writeln!(io::stderr(), "{}", visible(&text.to_string()));
}

/// What stdout has refused, unless its reader has simply gone.
pub(super) fn finish() -> io::Result<()> {
    match FAILED.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

fn raw(text: &str) {
    let mut failed = FAILED.lock().unwrap_or_else(PoisonError::into_inner);
    if failed.is_some() {
        return;
    }
    if let Err(error) = writeln!(io::stdout(), "{text}") {
        if error.kind() == io::ErrorKind::BrokenPipe && ONLY_PRINTS.load(Ordering::Relaxed) {
            end_as_unread();
        }
        *failed = Some(error);
    }
}

/// Ends the program as the system ends others that write into a closed pipe.
fn end_as_unread() -> ! {
    #[cfg(unix)]
    // SAFETY: both calls take plain numbers; no handler of ours is involved.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        libc::raise(libc::SIGPIPE);
    }
    std::process::exit(0)
}
