"""Errors, progress, interruption, threads, and the program of the wheel."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import trapan
from conftest import SHORT, program


def test_errors_have_classes_and_the_programs_words(pair):
    paths = pair / "pan.tif", pair / "ms.tif"
    cases = [
        (trapan.UsageError, {"epochs": "x"}, "epochs"),
        (trapan.UsageError, {"sensor": "hubble"}, "hubble"),
        (trapan.UsageError, {"no_such": 1}, "no_such"),
        (trapan.UsageError, {"device": "abacus"}, "gpu:N"),
        (trapan.UsageError, {"extent": "all"}, "extent"),
        (trapan.UsageError, {"out_bands": [9], "effort": "fast"}, "out_bands"),
        (trapan.GeometryError, {"sensor": "wv3"}, "8 bands"),
    ]
    for kind, wrong, word in cases:
        with pytest.raises(kind, match=word) as caught:
            trapan.fuse(*paths, **wrong)
        assert isinstance(caught.value, trapan.TrapanError) and "--" not in str(caught.value)
    with pytest.raises(trapan.InputError) as caught:
        trapan.fuse(pair / "nothing.tif", paths[1])
    said = program("info", pair / "nothing.tif", paths[1], check=False).stderr
    assert said.strip() == f"error: {caught.value}"
    with pytest.raises(trapan.UsageError, match="complex64"):
        trapan.fuse(np.zeros((64, 64), np.complex64), np.zeros((4, 16, 16), np.uint16))
    with pytest.raises(trapan.UsageError, match="axes"):
        trapan.fuse(np.zeros(64, np.uint16), np.zeros((4, 16, 16), np.uint16))


def test_progress_is_told_and_may_stop(pair):
    paths = pair / "pan.tif", pair / "ms.tif"
    heard = []
    trapan.fuse(*paths, progress=lambda *told: heard.append(told), **{**SHORT, "epochs": 20})
    phases = list(dict.fromkeys(told[0] for told in heard))
    assert phases[0] == "degradation" and phases[-1] == "inference" and "alternation" in phases
    assert heard[-1][1] == heard[-1][2] == 256 and any("reduced" in told[3] for told in heard)

    def stop(*_):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        trapan.fuse(*paths, progress=stop, **SHORT)
    pytest.importorskip("tqdm")
    trapan.fuse(*paths, progress=True, **SHORT)


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
def test_ctrl_c_ends_a_run(pair, tmp_path):
    text = """
import sys, trapan
trapan.fuse(*sys.argv[1:], device="cpu", epochs=5000, progress=lambda *_: print("going", flush=True))
"""
    paths = pair / "pan.tif", pair / "ms.tif", tmp_path / "out.tif"
    command = [sys.executable, "-c", text, *map(str, paths)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "going\n"
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert "KeyboardInterrupt" in said and child.returncode != 0
    assert list(tmp_path.iterdir()) == []


def test_other_threads_run_meanwhile(pair):
    counted, done = [0], threading.Event()

    def count():
        while not done.is_set():
            counted[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    trapan.fuse(pair / "pan.tif", pair / "ms.tif", **SHORT)
    done.set()
    thread.join()
    assert counted[0] > 20


def test_the_program_comes_along(pair):
    assert program("--version").stdout.strip() == f"trapan {trapan.__version__}"
    assert program("fuse", check=False).returncode == 2
    assert program("info", pair / "nothing.tif", pair / "ms.tif", check=False).returncode == 3


def test_it_is_typed_and_documented():
    folder = os.path.dirname(trapan.__file__)
    assert {"py.typed", "_trapan.pyi"} <= set(os.listdir(folder))
    for name in trapan.__all__:
        assert name == "__version__" or getattr(trapan, name).__doc__, name
