#!/usr/bin/env bash
# Builds the extension as the tests of the program are built, into the same target folder, so that what both depend on is
# compiled once; then runs pytest with the given arguments. Python with NumPy, rasterio and pytest must be there, by PYTHON
# if it is not the first in the path; tests that need more are left out, loudly.
set -euo pipefail
cd "$(dirname "$0")"
python="${PYTHON:-python3}"
target="${CARGO_TARGET_DIR:-$PWD/../../target}"
cargo build --locked --target-dir "$target"
package="$target/python/trapan"
mkdir -p "$package"
cp python/trapan/* "$package/" 2>/dev/null || true
case "$(uname -s)" in
Darwin) cp "$target/debug/lib_trapan.dylib" "$package/_trapan.abi3.so" ;;
MINGW* | MSYS*) cp "$target/debug/_trapan.dll" "$package/_trapan.pyd" ;;
*) cp "$target/debug/lib_trapan.so" "$package/_trapan.abi3.so" ;;
esac
export PYTHONPATH="$target/python${PYTHONPATH:+:$PYTHONPATH}" PYTHONDONTWRITEBYTECODE=1
exec "$python" -m pytest -p no:cacheprovider -rs "$@"
