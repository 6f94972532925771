# Shell functions that make the images guests boot from, each once. Sourced by tests/vm/run and tests/vm/disk.
# shellcheck shell=bash
#
#   . "$checkout/tests/vm/images.sh"
#   ensure_root            sets guest_root: a directory with root.img (ext4), kernel, initramfs
#   ensure_disk            sets guest_disk: a bootable disk (raw) with GRUB, systemd and a clean minimal Debian
#   vm_fail MESSAGE        one line on stderr, exit VM_FAILURE
#
# Images live in ${FUSEDAX_VM_CACHE:-$HOME/.cache/fuse-dax/vm}, named by a hash of what went into them: packages, mirror
# and the text of the function that builds. Each is built under a lock, in a directory of its own that is renamed into
# place when whole. What was not used for 14 days is removed when the next is built.
#
# FUSEDAX_VM_MIRROR: where Debian comes from (default http://deb.debian.org/debian).

readonly VM_FAILURE=125
readonly VM_SUITE=bookworm
readonly VM_MIRROR=${FUSEDAX_VM_MIRROR:-http://deb.debian.org/debian}
readonly VM_CACHE=${FUSEDAX_VM_CACHE:-${HOME:-/root}/.cache/fuse-dax/vm}
readonly VM_UNUSED_DAYS=14

readonly ROOT_PACKAGES=(
    acl attr busybox-static daxctl e2fsprogs fio fuse kmod libfuse2 liblmdb0 libpmem1 libpmemobj1
    linux-image-amd64 ndctl openjdk-17-jre-headless procps sqlite3 strace udev util-linux xfsprogs
)
readonly ROOT_MIB=3072
# What the initramfs loads, in order: the root's disk, the session's text, output, 9p.
readonly BOOT_MODULES=(virtio_pci virtio_blk ext4 qemu_fw_cfg virtio_console 9pnet_virtio 9p virtio_rng)

# The JRE is no part of a clean Debian, but takes a guest ten minutes to unpack.
readonly DISK_PACKAGES=(
    ca-certificates dbus e2fsprogs grub-pc ifupdown initramfs-tools iproute2 isc-dhcp-client kmod linux-image-amd64
    openjdk-17-jre-headless procps sudo systemd systemd-sysv udev
)
readonly DISK_MIB=8192

vm_fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit "$VM_FAILURE"
}

# Sets `image` to the directory KIND-HASH of the cache, after BUILDER has filled it.
_cached() { # kind, builder, what goes in...
    local kind=$1 builder=$2 key lock
    key=$({ printf '%s\n' "$VM_SUITE" "$VM_MIRROR" "${@:3}" && declare -f "$builder" _debootstrap; } |
        sha256sum | cut -c1-16)
    image=$VM_CACHE/$kind-$key
    mkdir -p "$VM_CACHE" || vm_fail "cannot make the cache: $VM_CACHE"
    if [ ! -d "$image" ]; then
        exec {lock}>"$VM_CACHE/$kind.lock"
        flock "$lock" || vm_fail "cannot lock $VM_CACHE/$kind.lock"
        [ -d "$image" ] || _build "$kind" "$builder"
        exec {lock}>&-
    fi
    touch "$image"
}

_build() { # kind, builder
    local began=$SECONDS building
    [ "$(id -u)" -eq 0 ] || vm_fail "run once as root: a Debian root is to be made for the guests (debootstrap)"
    find "$VM_CACHE" -mindepth 1 -maxdepth 1 -name "$1-*" -mtime "+$VM_UNUSED_DAYS" -exec rm -rf {} +
    find "$VM_CACHE" -mindepth 1 -maxdepth 1 -name "building-$1.*" -exec rm -rf {} + # ended before they were whole
    building=$(mktemp -d "$VM_CACHE/building-$1.XXXXXX") || vm_fail "no space in $VM_CACHE"
    printf '%s: making the guests'\'' %s, once: %s\n' "${0##*/}" "$1" "$image" >&2
    # In a process of its own, as -e does not hold in a function whose result is looked at.
    if ! (
        set -e
        "$2" "$building"
    ) >"$building.log" 2>&1 </dev/null; then
        tail -n 30 "$building.log" >&2
        rm -rf --one-file-system "$building"
        vm_fail "cannot make the guests' $1; all of it: $building.log"
    fi
    chmod 755 "$building"
    mv -T "$building" "$image"
    rm -f "$building.log"
    printf '%s: done after %d s\n' "${0##*/}" $((SECONDS - began)) >&2
}

# A Debian root in DIRECTORY/root, with the packages; what is downloaded is kept for the other image.
_debootstrap() { # directory, packages...
    mkdir -p "$VM_CACHE/packages"
    debootstrap --variant=minbase --cache-dir="$VM_CACHE/packages" \
        --include="$(IFS=,; printf '%s' "${*:2}")" "$VM_SUITE" "$1/root" "$VM_MIRROR"
    rm -rf "$1/root/var/cache/apt/archives"/*.deb
    rm -rf "$1/root/dev"/* # the guest has its own
    : >"$1/root/etc/machine-id"
}

_build_root() { # directory
    local root=$1/root initramfs=$1/initramfs version module path
    _debootstrap "$1" "${ROOT_PACKAGES[@]}"
    printf 'nameserver 10.0.2.3\n' >"$root/etc/resolv.conf" # QEMU's
    printf 'guest\n' >"$root/etc/hostname"
    version=$(ls "$root/lib/modules")
    cp "$root/boot/vmlinuz-$version" "$1/kernel"
    rm -f "$root/boot/initrd.img"*

    # An initramfs of our own: Debian's takes longer to unpack than all of this takes to boot.
    mkdir -p "$initramfs"/{bin,dev,proc,sys,root,modules}
    cp "$root/bin/busybox" "$initramfs/bin/busybox"
    for module in "${BOOT_MODULES[@]}"; do
        chroot "$root" modprobe --show-depends -S "$version" "$module"
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' >"$1/modules"
    while IFS= read -r path; do
        cp "$root$path" "$initramfs/modules/"
        printf '/modules/%s\n' "${path##*/}"
    done <"$1/modules" >"$initramfs/modules/order"
    _initramfs_init >"$initramfs/init"
    chmod 755 "$initramfs/init"
    (cd "$initramfs" && find . | bin/busybox cpio -o -H newc) >"$1/initramfs.cpio"
    rm -rf "$initramfs" "$1/modules"

    truncate -s "${ROOT_MIB}M" "$1/root.img"
    mke2fs -q -t ext4 -O ^has_journal -d "$root" "$1/root.img"
    rm -rf --one-file-system "$root"
}

# Process 1 of a guest until its root is there; then the session that QEMU was given.
_initramfs_init() {
    cat <<'INIT'
#!/bin/busybox sh
busybox=/bin/busybox
$busybox mount -t devtmpfs dev /dev
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sys /sys
while read -r module; do
    $busybox insmod "$module" || echo "initramfs: cannot load $module"
done </modules/order
while [ ! -b /dev/vda ]; do $busybox usleep 10000; done
$busybox mount -t ext4 -o noatime /dev/vda /root
$busybox mount -t tmpfs -o mode=755 run /root/run
$busybox cat /sys/firmware/qemu_fw_cfg/by_name/opt/fusedax/session/raw >/root/run/session
for directory in dev proc sys; do
    $busybox mount --move /$directory /root/$directory
done
exec $busybox switch_root /root /bin/bash /run/session
INIT
}

# Sets guest_root.
ensure_root() {
    _cached root _build_root "${ROOT_PACKAGES[@]}" "$ROOT_MIB" "${BOOT_MODULES[@]}" "$(declare -f _initramfs_init)"
    # shellcheck disable=SC2034 # for whoever sources this
    guest_root=$image
}

# A disk as a BIOS boots it. The host partitions and fills it without mounting anything; GRUB, which wants the disk as a
# disk, is installed in a guest.
_build_disk() { # directory
    local root=$1/root start_mib=1
    _debootstrap "$1" "${DISK_PACKAGES[@]}"
    printf 'nameserver 10.0.2.3\n' >"$root/etc/resolv.conf" # QEMU's
    printf 'guest\n' >"$root/etc/hostname"
    printf '127.0.0.1 localhost guest\n' >"$root/etc/hosts"
    printf 'LABEL=root / ext4 errors=remount-ro 0 1\n' >"$root/etc/fstab"
    printf 'auto lo eth0\niface lo inet loopback\niface eth0 inet dhcp\n' >"$root/etc/network/interfaces"
    printf '%s\n' 'GRUB_DEFAULT=0' 'GRUB_TIMEOUT=0' 'GRUB_DISTRIBUTOR=Debian' 'GRUB_TERMINAL="serial console"' \
        'GRUB_CMDLINE_LINUX_DEFAULT=""' 'GRUB_CMDLINE_LINUX="console=ttyS0 loglevel=4 net.ifnames=0"' \
        >"$root/etc/default/grub"
    printf 'grub-pc grub-pc/install_devices multiselect /dev/vda\n' | chroot "$root" debconf-set-selections
    # It takes a guest minutes, and nothing that is installed here is wanted before the root is there.
    printf 'update_initramfs=no\n' >"$root/etc/initramfs-tools/update-initramfs.conf"
    _disk_service >"$root/etc/systemd/system/vm-session.service"
    chroot "$root" systemctl -q enable vm-session.service
    chroot "$root" passwd -q -d root
    truncate -s "${DISK_MIB}M" "$1/disk.img"
    printf 'label: dos\nstart=%dMiB, type=83, bootable\n' "$start_mib" | sfdisk -q "$1/disk.img"
    mke2fs -q -t ext4 -L root -d "$root" -E "offset=$((start_mib << 20))" "$1/disk.img" \
        "$(((DISK_MIB - start_mib) << 10))k"
    rm -rf --one-file-system "$root"
    # shellcheck disable=SC2016 # for the guest's shell
    "$checkout/tests/vm/run" --disk "$1/disk.img" --timeout 600 -- bash -euc '
        mkdir -p /dev/disk/by-uuid # by which GRUB names the root
        ln -s /dev/vdb1 "/dev/disk/by-uuid/$(blkid -s UUID -o value /dev/vdb1)"
        mount /dev/vdb1 /mnt
        for directory in dev proc sys; do mount --bind "/$directory" "/mnt/$directory"; done
        chroot /mnt grub-install --target=i386-pc /dev/vdb
        chroot /mnt update-grub
        grep -q root=UUID= /mnt/boot/grub/grub.cfg
        umount -R /mnt
    '
}

# What runs the session that QEMU was given, at every boot, if there is one.
_disk_service() {
    cat <<'SERVICE'
[Unit]
Description=Session of tests/vm/run
After=multi-user.target network-online.target
Wants=network-online.target

[Service]
Type=exec
Environment=HOME=/root
ExecStartPre=-/sbin/modprobe qemu_fw_cfg
ExecStart=/bin/sh -c 'session=/sys/firmware/qemu_fw_cfg/by_name/opt/fusedax/session/raw; \
    [ ! -e $session ] || { cat $session >/run/session; exec /bin/bash /run/session; }'

[Install]
WantedBy=default.target
SERVICE
}

# Sets guest_disk.
ensure_disk() {
    _cached disk _build_disk "${DISK_PACKAGES[@]}" "$DISK_MIB" "$(declare -f _disk_service)"
    # shellcheck disable=SC2034 # for whoever sources this
    guest_disk=$image/disk.img
}
