#!/usr/bin/env bash
# Passes the tests on a fresh machine with Rust: installs what they need where it is missing
# (Debian, Ubuntu), then runs `cargo test` with the given arguments and all features. That is a software Vulkan
# driver, a browser for the report page, and GDAL's programs for the commands that errors suggest;
# without a browser or GDAL their tests are left out, loudly, unless TRAPAN_REQUIRE_BROWSER=1.
set -euo pipefail
cd "$(dirname "$0")/.."

install() {
    local sudo
    sudo=$([ "$(id -u)" = 0 ] || echo sudo)
    echo "installing $*" >&2
    [ -n "${updated:-}" ] || $sudo apt-get update -q
    updated=1
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qy --no-install-recommends "$@"
}

has_software_vulkan() {
    compgen -G '/usr/share/vulkan/icd.d/lvp_icd*.json' >/dev/null ||
        compgen -G '/etc/vulkan/icd.d/lvp_icd*.json' >/dev/null || return 1
    { ldconfig -p 2>/dev/null || true; } | grep -q 'libvulkan\.so\.1'
}

has_browser() {
    local name
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        "$name" --version 2>/dev/null | grep -q Chrom && return
    done
    return 1
}

if [ "$(uname -s)" = Linux ] && [ -z "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ] && ! has_software_vulkan; then
    if command -v apt-get >/dev/null; then
        install libvulkan1 mesa-vulkan-drivers
    else
        echo "the GPU tests need a software Vulkan driver: install Mesa's lavapipe" >&2
    fi
fi

# Ubuntu's package is a stub for a snap, which containers cannot run: no browser then.
if [ "$(uname -s)" = Linux ] && ! has_browser && command -v apt-get >/dev/null; then
    install chromium || echo "no browser could be installed: the report page will not be looked at" >&2
fi

if [ "$(uname -s)" = Linux ] && ! command -v gdal_translate >/dev/null && command -v apt-get >/dev/null; then
    install gdal-bin || echo "GDAL could not be installed: the commands that errors suggest will not be run" >&2
fi

# Mesa complains without one, and keeps compiled shaders between runs in the other.
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"
export MESA_SHADER_CACHE_DIR="${MESA_SHADER_CACHE_DIR:-$PWD/target/shader-cache}"
exec cargo test --locked --features cloud "$@"
