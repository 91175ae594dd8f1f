"""The `trapan` command of the wheel."""

import os
import sys
import tempfile


def quiet_mesa() -> None:
    """Mesa, which Vulkan asks for adapters, prints an error if this variable is not set."""
    if sys.platform == "linux":
        os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())


def main() -> int:
    """Runs the command line as the program does."""
    quiet_mesa()
    from ._trapan import run_line

    return run_line(sys.argv)
