#!/usr/bin/env bash
# Tests the plugin: what needs no QGIS by any Python; the algorithm by QGIS without a window where Debian's `qgis` and
# `python3-gdal` are installed, else left out, loudly. The program is built where it is not named by TRAPAN_PROGRAM.
set -euo pipefail
cd "$(dirname "$0")"
if [ -z "${TRAPAN_PROGRAM:-}" ]; then
    target="${CARGO_TARGET_DIR:-$PWD/../../target}"
    cargo build --locked --manifest-path ../../Cargo.toml --target-dir "$target"
    TRAPAN_PROGRAM="$target/debug/trapan"
fi
export TRAPAN_PROGRAM PYTHONDONTWRITEBYTECODE=1
"${PYTHON:-python3}" tests/test_program.py
# Debian's `qgis_process` passes an option that its program does not know.
qgis=$(command -v qgis_process.bin || command -v qgis_process || true)
if [ -z "$qgis" ] || ! /usr/bin/python3 -c 'import osgeo' 2>/dev/null; then
    echo "SKIPPED: the algorithm in QGIS: qgis_process or python3-gdal is not here" >&2
    exit
fi
/usr/bin/python3 tests/in_qgis.py "$qgis" "$TRAPAN_PROGRAM"
