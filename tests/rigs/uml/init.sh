#!/bin/sh
# The guest's first process: writable places, then one program of ours, then the power off.
# The host gives PARLEY_OUT (a directory of its own, the only one written to), PARLEY_BASE (where
# everything is mounted) and PARLEY_RUN (the program); see machine.py.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mountpoint -q /dev || mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts
mount -t tmpfs tmpfs /dev/shm
for place in "$PARLEY_BASE" /run /var/lib/nfs /var/log; do
    mount -t tmpfs tmpfs "$place"
done
mkdir "$PARLEY_BASE/out" "$PARLEY_BASE/home" "$PARLEY_BASE/tmp"
mount -t hostfs none "$PARLEY_BASE/out" -o "$PARLEY_OUT"
ip link set lo up
export HOME="$PARLEY_BASE/home" TMPDIR="$PARLEY_BASE/tmp" PYTHONDONTWRITEBYTECODE=1
: > "$PARLEY_BASE/out/booted"
sh "$PARLEY_BASE/out/run" > "$PARLEY_BASE/out/said" 2>&1
sync
echo o > /proc/sysrq-trigger
sleep 60
