#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The first program of the virtual machine of vm_test.py. Runs plimsolld, does one thing after another, and prints of
# each what plimsolld said, and how often it judged the host: "-- NAME: N looks", then its lines.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
if [[ $1 != again ]]; then # podman changes its root, which the kernel's first file system does not allow
    mkdir -p /new && mount -t tmpfs -o size=80% new /new
    for name in /*; do [[ $name == /new ]] || cp -a "$name" /new/; done
    exec /new/bin/busybox switch_root /new /init again
fi
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t securityfs security /sys/kernel/security
mount -t cgroup2 cgroup /sys/fs/cgroup
for folder in /dev/shm /run /tmp; do mount -t tmpfs tmpfs "$folder"; done
read -ra controllers </sys/fs/cgroup/cgroup.controllers
for name in "${controllers[@]}"; do echo "+$name" >/sys/fs/cgroup/cgroup.subtree_control; done
ulimit -n 1024 -u 1024
exec >/dev/ttyS0 2>&1
echo "kernel $(uname -r), modules of security $(cat /sys/kernel/security/lsm)"
if grep -q security=selinux /proc/cmdline; then
    mount -t selinuxfs selinux /sys/fs/selinux
    load_policy -i
fi

plimsolld --bus none >/run/log 2>&1 &
daemon=$!
for ((i = 0; i < 1200; i++)); do
    grep -q "looks after" /run/log && break
    sleep 0.1
done

looks() {
    perl -MIO::Socket::UNIX -e '
        $s = IO::Socket::UNIX->new("/run/plimsoll/metrics.sock") or die "$!";
        print $s "GET /metrics HTTP/1.1\r\nHost: vm\r\nConnection: close\r\n\r\n";
        while (<$s>) { print $1 if /^plimsoll_evaluations_total (\d+)/ }'
}
# does SECONDS NAME COMMAND…: waits so long at most until plimsolld judges the host, because of that: nothing else
# happens meanwhile.
does() {
    local patience=$1 name=$2 lines before
    lines=$(wc -l </run/log)
    before=$(looks)
    shift 2
    "$@" || echo "$* ended with $?"
    for ((i = 0; i < patience; i++)); do
        sleep 1
        (($(looks) == before)) || break
    done
    sleep 2
    echo "-- $name: $(($(looks) - before)) looks"
    tail -n "+$((lines + 1))" /run/log
}

echo "-- start: 1 looks"
cat /run/log
sleep 3
does 1 nothing true
mkdir /tmp/proc && mount -t proc proc /tmp/proc
does 30 "setting of another procfs" sh -c 'echo 0 >/tmp/proc/sys/kernel/unprivileged_userns_clone'
does 30 "setting back from another namespace" unshare --mount \
    sh -c 'echo 1 >/tmp/proc/sys/kernel/unprivileged_userns_clone'

if [[ -d /sys/kernel/security/apparmor ]]; then
    printf 'profile docker-default flags=(attach_disconnected) {\nfile,\naudit deny /etc/hostname w,\n}\n' >/tmp/profile
    does 30 "profile loaded" apparmor_parser --replace --skip-cache /tmp/profile
    does 1 "denied" aa-exec -p docker-default -- sh -c '! echo x 2>/dev/null >/etc/hostname'
    does 30 "profile removed" apparmor_parser --remove /tmp/profile
    mkdir -p /srv/root/{bin,etc,proc,sys,dev,tmp,run}
    cp /bin/busybox /srv/root/bin && ln -s busybox /srv/root/bin/sleep
    run() {
        podman --cgroup-manager=cgroupfs --storage-driver=vfs run --detach --network=none "$@" --rootfs /srv/root \
            /bin/sleep 900
    }
    does 30 "privileged container" run --name big --privileged
    does 30 "confined container" run --name small --cap-drop=all --memory=64m --pids-limit=16
    echo "-- containers: 0 looks"
    agentctl check --json --control 'ctr.*'
else
    does 30 "mode changed" setenforce 1
    does 30 "mode changed back" setenforce 0
    does 30 "policy loaded" load_policy
fi

kill "$daemon"
wait "$daemon"
echo "-- end: $? looks"
echo b >/proc/sysrq-trigger
