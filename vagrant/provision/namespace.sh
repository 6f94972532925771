#!/bin/bash
# Sees to it that the machine's persistent memory is what fuse-dax can use, and that /etc/fuse-dax/pmem.conf names the region.
# 3-volume.sh installs it as a service, since emulated memory has forgotten everything after it was switched off.
#
#   namespace.sh devdax|fsdax [4k|2M]      as root
#
# A namespace that is something else already is left alone, with an error: it may hold data.
set -euo pipefail

mode=${1:-}
alignment=${2:-4k}
readonly FILES=/pmem

fail() {
    printf 'namespace: %s\n' "$*" >&2
    exit 1
}

# Sets name, was (its mode), device of the first namespace that is enabled; empty where there is none.
find_namespace() {
    read -r name was device < <(ndctl list --namespaces | awk -F'"' '
        $2 == "dev" && $4 ~ /^namespace/ { name = $4 }
        $2 == "mode" { mode = $4 }
        $2 == "blockdev" || $2 == "chardev" { device = $4 }
        name && mode && device { print name, mode, "/dev/" device; exit }
        END { print "" }') || true
}

# Nothing that anybody could miss: no signature, and zeros where one would be.
is_empty() { # device
    local status=0
    blkid -p "$1" >/dev/null 2>&1 || status=$?
    [ "$status" -eq 2 ] && cmp -s -n 65536 "$1" /dev/zero
}

case $mode in devdax | fsdax) ;; *) fail "devdax or fsdax, please, not: $mode" ;; esac
align=()
[ "$mode" != devdax ] || align=(--align="$alignment")
case $alignment in 4k | 2M) ;; *) fail "an alignment of 4k or 2M, please, not: $alignment" ;; esac
for module in nd_e820 nfit nd_pmem dax_pmem device_dax; do
    modprobe -q "$module" || true # whatever this machine has
done
for bus in /sys/bus/nd/devices/ndbus*/wait_probe; do
    [ ! -e "$bus" ] || cat "$bus" >/dev/null
done
[ -n "$(ls /sys/bus/nd/devices 2>/dev/null)" ] || fail "no persistent memory here: run 1-memory.sh, and reboot"

find_namespace
if [ -z "$name" ]; then
    if [ -n "$(ndctl list --namespaces --idle)" ]; then
        fail "the namespaces here are disabled: ndctl list --idle"
    fi
    ndctl create-namespace --mode="$mode" --map=mem ${align[@]+"${align[@]}"} >/dev/null
elif [ "$was" != "$mode" ]; then
    # A namespace without page structures, as memmap= makes it, is called fsdax or raw. What is in use or holds data is refused.
    [ -b "$device" ] || fail "$name is $was, not $mode; to lose what is there: ndctl destroy-namespace -f $name"
    is_empty "$device" || fail "$device holds something, and is $was, not $mode; to lose it: ndctl destroy-namespace -f $name"
    ndctl create-namespace --force --reconfig="$name" --mode="$mode" --map=mem ${align[@]+"${align[@]}"} >/dev/null
fi
find_namespace
[ "$was" = "$mode" ] || fail "no namespace has become $mode"

if [ "$mode" = devdax ]; then
    [ -c "$device" ] || fail "no such device: $device"
    region=$device
else
    mkdir -p "$FILES"
    if ! mountpoint -q "$FILES"; then
        ! is_empty "$device" || mkfs.ext4 -q -b 4096 "$device"
        mount -t ext4 -o dax=always "$device" "$FILES"
    fi
    region=$FILES/region
fi

# Nine tenths of the file system: ext4 keeps the rest.
size=
[ "$mode" = devdax ] || size=$(($(stat -f -c '%a * %S' "$FILES") * 9 / 10 >> 20))M
mkdir -p /etc/fuse-dax
printf 'REGION=%s\nDIRECTORY=/mnt/pmem\nSIZE=%s\nOPTIONS=dax=always,allow_other\n' "$region" "$size" >/etc/fuse-dax/pmem.conf.new
mv /etc/fuse-dax/pmem.conf.new /etc/fuse-dax/pmem.conf
