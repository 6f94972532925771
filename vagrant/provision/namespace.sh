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

# A field of the first namespace: "dev", "mode", "blockdev", "chardev", "align".
field() {
    ndctl list --namespaces --idle | sed -n "s/^ *\"$1\": *\"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" | head -n 1
}

create() { # more options
    local options=(--mode="$mode" --map=mem)
    [ "$mode" != devdax ] || options+=(--align="$alignment")
    ndctl create-namespace "${options[@]}" "$@" >/dev/null
}

case $mode in devdax | fsdax) ;; *) fail "devdax or fsdax, please, not: $mode" ;; esac
case $alignment in 4k | 2M) ;; *) fail "an alignment of 4k or 2M, please, not: $alignment" ;; esac
for module in nd_e820 nfit nd_pmem dax_pmem device_dax; do
    modprobe -q "$module" || true # whatever this machine has
done
for bus in /sys/bus/nd/devices/ndbus*/wait_probe; do
    [ ! -e "$bus" ] || cat "$bus" >/dev/null
done
[ -n "$(ls /sys/bus/nd/devices 2>/dev/null)" ] || fail "no persistent memory here: run 1-memory.sh, and reboot"

case $(field mode) in
    "$mode") ;;
    '') create ;;
    raw)
        device=/dev/$(field blockdev)
        if [ -b "$device" ] && found=$(blkid -p "$device"); then
            fail "$device holds something: $found"
        fi
        create --force --reconfig="$(field dev)"
        ;;
    *) fail "$(field dev) is $(field mode), not $mode; to lose what is there: ndctl destroy-namespace -f $(field dev)" ;;
esac

if [ "$mode" = devdax ]; then
    region=/dev/$(field chardev)
else
    device=/dev/$(field blockdev)
    blkid -p "$device" >/dev/null || mkfs.ext4 -q -b 4096 "$device"
    mkdir -p "$FILES"
    mountpoint -q "$FILES" || mount -o dax=always "$device" "$FILES"
    region=$FILES/region
fi
[ -e "${region%/region}" ] || fail "no $region has come about"

# Nine tenths of the file system: ext4 keeps the rest.
size=
[ "$mode" = devdax ] || size=$(($(stat -f -c '%a * %S' "$FILES") * 9 / 10 >> 20))M
mkdir -p /etc/fuse-dax
printf 'REGION=%s\nDIRECTORY=/mnt/pmem\nSIZE=%s\nOPTIONS=dax=always,allow_other\n' "$region" "$size" >/etc/fuse-dax/pmem.conf.new
mv /etc/fuse-dax/pmem.conf.new /etc/fuse-dax/pmem.conf
