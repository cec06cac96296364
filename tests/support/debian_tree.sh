#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# debian_tree.sh SUITE CACHE_DIR: makes a small real Debian tree with what rootless Podman needs, as a tar
# archive, and prints its path. An archive that is there already is used again: it saves half a minute and
# nothing depends on it. Its name has the checksum of this script, so that another recipe makes another tree.
set -euo pipefail

suite=$1
cache=$2
packages=passwd,uidmap,podman,crun

mkdir -p "$cache"
recipe=$(sha256sum "$0" | cut -c1-12)
tree=$cache/$suite-$recipe.tar

# Two test runs may want the same tree: one makes it, the other waits.
exec 9>"$cache/$suite.lock"
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
