#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# enter.sh TREE USER COMMAND...: runs a command as a user of the tree, with what rootless Podman needs around it.
# To be started by `unshare --mount --pid --fork --kill-child`: its own mounts, and nothing survives it.
#
# What is needed, found by trying (kernel 6.18, podman 4.3 and 5.4):
#  - pivot_root instead of chroot: the kernel refuses clone(CLONE_NEWUSER) with EPERM when the caller's root is
#    not that of its mount namespace (kernel/user_namespace.c, current_chrooted());
#  - /proc of the new process namespace; newuidmap writes to /proc/PID/uid_map;
#  - /sys, even without cgroup v2: podman ends with "no such file or directory" when it is empty;
#  - /dev/fuse is not needed, /dev/null and /dev/shm are;
#  - a writable XDG_RUNTIME_DIR of the user, as logind would make it;
#  - shared propagation of /, or podman warns that mounts may be missing.
set -euo pipefail

tree=$1
user=$2
shift 2

mount --bind "$tree" "$tree"
mount -t proc proc "$tree/proc"
mount --rbind /sys "$tree/sys"
mount --rbind /dev "$tree/dev"
mount -t tmpfs tmpfs "$tree/run"
uid=$(chroot "$tree" id -u "$user")
home=$(chroot "$tree" getent passwd "$user" | cut -d: -f6)
runtime=/run/user/$uid
mkdir -p "$tree$runtime"
chroot "$tree" chown "$user:" "$runtime"
chmod 0700 "$tree$runtime"
cd "$tree"
pivot_root . .
umount -l .
cd /
mount --make-rshared /
exec runuser -u "$user" -- env -i "HOME=$home" "USER=$user" "XDG_RUNTIME_DIR=$runtime" LC_ALL=C.UTF-8 \
    PODMAN_IGNORE_CGROUPSV1_WARNING=1 PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin "$@"
