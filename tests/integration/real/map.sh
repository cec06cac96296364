#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# map.sh newuidmap|newgidmap MAP...: in the tree, as a user: makes a user namespace without any engine, asks
# shadow's helper for the map, and prints what the kernel then has.
set -u
helper=$1
shift
unshare --user sleep 60 &
child=$!
trap 'kill $child' EXIT
initial=$(readlink /proc/self/ns/user)
for _ in $(seq 200); do
    [[ $(readlink /proc/$child/ns/user) != "$initial" ]] && break
    sleep 0.01
done
"$helper" "$child" "$@" || exit
case $helper in
newuidmap) cat /proc/$child/uid_map ;;
newgidmap) cat /proc/$child/gid_map ;;
esac
