"""The `trapan` command of the wheel."""

import os
import sys
import tempfile


def main() -> int:
    """Runs the command line as the program does."""
    if sys.platform == "linux":
        # Mesa, which Vulkan asks for adapters, complains without one.
        os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    from ._trapan import run_line

    return run_line(sys.argv)
