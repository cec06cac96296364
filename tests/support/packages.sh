# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# Sourced by quickstart and tests/run: what has to be installed, and how.

# To build the release.
build_packages=(
    g++ cmake ninja-build pkg-config
    nlohmann-json3-dev libtomlplusplus-dev libcli11-dev
    libyaml-dev libssl-dev libsqlite3-dev libacl1-dev libsystemd-dev libbpf-dev libsdbus-c++-dev libsdbus-c++-bin
)

# To test it, on top of that: the test framework, the linters, the real components that tests run
# (users, containers, trees, a bus) and the peers that the benchmarks compare with.
test_packages=(
    ccache libgtest-dev libgmock-dev libbenchmark-dev
    clang-format-19 clang-tidy-19 shellcheck python3 python3-jsonschema python3-prometheus-client curl git diffutils
    passwd uidmap podman crun conmon passt slirp4netns fuse-overlayfs containernetworking-plugins
    bubblewrap busybox-static
    mmdebstrap debian-archive-keyring systemd systemd-container dbus acl attr libcap2-bin e2fsprogs
    qemu-system-x86 cpio util-linux mount procps strace man-db bash-completion zsh fish
    openscap-scanner cfengine3 time
)

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# ensure_packages NAME...: installs those that are missing. Touches neither the network nor the package
# database when none is.
ensure_packages() {
    command -v apt-get >/dev/null || die "this script needs Debian 12 (apt-get is not there); packages: $*"
    local name missing=()
    for name in "$@"; do
        [[ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" == installed ]] || missing+=("$name")
    done
    if ((${#missing[@]} == 0)); then
        say "every package is there"
        return
    fi
    ((EUID == 0)) || die "packages are missing (${missing[*]}); run this with sudo"
    say "installing: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    local log
    log=$(mktemp)
    if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } \
            </dev/null >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        rm -f "$log"
        die "apt-get could not install what is missing"
    fi
    rm -f "$log"
}

# What root built in a user's clone stays the user's.
give_back() {
    if [[ -n "${SUDO_UID:-}" && -n "${SUDO_GID:-}" ]]; then
        chown -R --no-dereference "$SUDO_UID:$SUDO_GID" "$@"
    fi
}
