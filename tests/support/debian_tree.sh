#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# debian_tree.sh SUITE CACHE_DIR [KIND]: makes a small real Debian tree as a tar archive, and prints its path. An
# archive that is there already is used again: it saves half a minute and nothing depends on it. Its name has the
# checksum of this script, so that another recipe makes another tree. Kinds:
#   tools    what rootless Podman needs, for programs run in it one by one (when no kind is given)
#   machine  to be booted, with what the programs built here need to run in it
#   engines  a machine with dockerd
#   kernel   with Debian's kernel and modules of security, for a virtual machine that begins in it
#   build    with the compiler and libraries to build Plimsoll
set -euo pipefail

suite=$1
cache=$2
kind=${3:-tools}
case $kind in
tools) packages=passwd,uidmap,podman,crun ;;
machine | engines)
    packages=systemd,systemd-sysv,dbus,dbus-user-session,polkitd,libpam-systemd,procps
    packages+=,passwd,uidmap,podman,crun,passt,busybox-static
    packages+=,libasan8,libubsan1,libssl3,libsystemd0,libbpf1,libsdbus-c++1,libsqlite3-0
    [[ $kind == machine ]] || packages+=,docker.io
    ;;
kernel)
    packages=linux-image-cloud-amd64,busybox-static,apparmor,selinux-policy-default,policycoreutils,podman,crun
    packages+=,libasan8,libubsan1,libssl3,libsystemd0,libbpf1,libsdbus-c++1,libsqlite3-0,libyaml-0-2,libacl1
    ;;
build)
    packages=g++,cmake,ninja-build,pkg-config,nlohmann-json3-dev,libtomlplusplus-dev,libcli11-dev,libyaml-dev
    packages+=,libssl-dev,libsqlite3-dev,libacl1-dev,libsystemd-dev,libbpf-dev,libsdbus-c++-dev,libsdbus-c++-bin
    ;;
*) echo "no kind of tree \"$kind\"" >&2 && exit 2 ;;
esac

mkdir -p "$cache"
recipe=$(sha256sum "$0" | cut -c1-12)
tree=$cache/$suite-$kind-$recipe.tar

# Two test runs may want the same tree: one makes it, the other waits.
exec 9>"$cache/$suite-$kind.lock"
flock 9
if [[ ! -s $tree ]]; then
    new=$(mktemp -d "$cache/.new-XXXXXX")
    trap 'rm -rf "$new"' EXIT
    for attempt in 1 2; do # mirrors have bad moments
        if mmdebstrap --quiet --format=tar --variant=minbase --include="$packages" \
            --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
            --dpkgopt='path-exclude=/usr/share/locale/*' \
            "$suite" "$new/tree.tar" >"$new/log" 2>&1 </dev/null; then
            break
        elif ((attempt == 2)); then
            cat "$new/log" >&2
            exit 1
        fi
    done
    mv "$new/tree.tar" "$tree"
fi
printf '%s\n' "$tree"
