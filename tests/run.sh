#!/usr/bin/env bash
# Passes the tests on a fresh machine with Rust: installs a software Vulkan driver
# where there is none (Debian, Ubuntu), then runs `cargo test` with the given arguments.
set -euo pipefail
cd "$(dirname "$0")/.."

has_software_vulkan() {
    ls /usr/share/vulkan/icd.d/lvp_icd*.json /etc/vulkan/icd.d/lvp_icd*.json >/dev/null 2>&1 || return 1
    { ldconfig -p 2>/dev/null || true; } | grep -q 'libvulkan\.so\.1'
}

if [ "$(uname -s)" = Linux ] && [ -z "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ] && ! has_software_vulkan; then
    if command -v apt-get >/dev/null; then
        sudo=$([ "$(id -u)" = 0 ] || echo sudo)
        echo "installing a software Vulkan driver (mesa-vulkan-drivers)" >&2
        $sudo apt-get update -q
        DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qy --no-install-recommends libvulkan1 mesa-vulkan-drivers
    else
        echo "the GPU tests need a software Vulkan driver: install Mesa's lavapipe" >&2
    fi
fi

# Mesa complains without one, and keeps compiled shaders between runs in the other.
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"
export MESA_SHADER_CACHE_DIR="${MESA_SHADER_CACHE_DIR:-$PWD/target/shader-cache}"
exec cargo test --locked "$@"
