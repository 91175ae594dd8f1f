"""The program `trapan`: its command line, its progress, its end. Nothing here needs QGIS."""

import json
import os
import queue
import shlex
import shutil
import signal
import subprocess
import sys
import threading

# The program's own names; tests compare them with its help.
SENSORS = ["", "wv2", "wv3", "wv4", "qb", "ikonos", "ge1", "gf2", "generic"]
EFFORTS = ["fast", "quick", "default", "best"]

# Seconds between two looks at the user's wish to stop, and until a program that does not end is ended.
PATIENCE = 0.1
GRACE = 20.0


class ProgramError(Exception):
    """The program is not there, or has failed; its own words."""


def find(setting, environment=os.environ):
    """The path of the program: as it is set, else by `TRAPAN_PROGRAM`, else in the path."""
    for place in (setting, environment.get("TRAPAN_PROGRAM"), "trapan"):
        if place:
            found = shutil.which(os.path.expanduser(place))
            if found:
                return found
            if place != "trapan":
                raise ProgramError(f"{place}: there is no program trapan; correct the setting")
    raise ProgramError(
        "the program trapan is not in the path: build it by `cargo install --path .` in trapan's folder, or name it under "
        "Settings > Options > Processing > Providers > trapan"
    )


def command(program, pan, ms, output, *, sensor="", effort="default", report="", more=""):
    """The command line that fuses a pair; `ms` are files whose bands follow each other, `more` further options."""
    line = [program, "fuse", "--pan", pan, "--ms", *ms, "-o", output, "--overwrite", "--progress", "json"]
    line += ["--effort", effort]
    if sensor:
        line += ["--sensor", sensor]
    if report:
        line += ["--report", report]
    return line + shlex.split(more)


def event(line):
    """What a line of the program says: ``("progress", percent, text)`` of its stage, or ``("log", line)``."""
    try:
        said = json.loads(line)["progress"]
        percent = 100.0 * said["done"] / said["of"]
        return "progress", min(percent, 100.0), " ".join(filter(None, [said["stage"], said["text"]]))
    except (ValueError, KeyError, TypeError, ZeroDivisionError):
        return "log", line


def run(line, progress, log, is_cancelled):
    """Runs a command line: calls ``progress(percent, text)`` and ``log(text)`` in this thread; True once it is done,
    False if it was cancelled, which leaves no half file.

    Raises `ProgramError` with what the program said last.
    """
    flags = {"creationflags": subprocess.CREATE_NO_WINDOW} if sys.platform == "win32" else {}
    try:
        process = subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", errors="replace", **flags,
        )
    except OSError as error:
        raise ProgramError(f"{line[0]}: cannot be started: {error}") from error
    lines = queue.Queue()
    reader = threading.Thread(target=_read, args=(process.stdout, lines), daemon=True)
    reader.start()
    last, cancelled = "", False
    patience = threading.Timer(GRACE, process.kill)
    while True:
        if is_cancelled() and not cancelled:
            cancelled = True
            process.send_signal(signal.SIGTERM)
            patience.start()
        try:
            said = lines.get(timeout=PATIENCE)
        except queue.Empty:
            continue
        if said is None:
            break
        what, *values = event(said)
        if what == "progress":
            progress(*values)
        elif said:
            last = said
            log(said)
    code = process.wait()
    patience.cancel()
    if cancelled:
        return False
    if code != 0:
        raise ProgramError(last if last.startswith("error") else f"trapan ended with {code}: {last}")
    return True


def _read(stream, lines):
    """Puts the lines of a stream into a queue, and None at its end."""
    with stream:
        for line in stream:
            lines.put(line.rstrip("\r\n"))
    lines.put(None)
