"""A simulated pair on disk, by the program, and the program itself."""

import os
import subprocess
import sys

import pytest

SHORT = {"epochs": 3, "dam_epochs": 2, "warm_up_epochs": 1, "device": "cpu"}


def program(*args, check=True):
    """The command line that comes with the package."""
    line = "import sys; from trapan._program import main; sys.exit(main())"
    environment = {**os.environ, "TRAPAN_NO_KERNEL_CACHE": "1"}
    command = [sys.executable, "-c", line, *map(str, args)]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert not check or ended.returncode == 0, ended.stderr
    return ended


def flags(settings):
    """Settings as flags."""
    return [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", value)]


@pytest.fixture(scope="session")
def pair(tmp_path_factory):
    """A folder with pan.tif, ms.tif and truth.tif, 256 x 256 pixels of PAN."""
    folder = tmp_path_factory.mktemp("pair")
    program("simulate", "-o", folder, "--size", "256", "--overwrite")
    return folder


@pytest.fixture(scope="session")
def fused(pair):
    """What the program makes of it."""
    path = pair / "fused.tif"
    program("fuse", pair / "pan.tif", pair / "ms.tif", "-o", path, "--sensor", "qb", *flags(SHORT))
    return path
