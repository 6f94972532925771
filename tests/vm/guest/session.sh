# Runs in a guest of tests/vm/run, as process 1 (or below systemd on a disk of tests/vm/disk): the runner appends what
# is to be mounted and run.
# shellcheck shell=bash
#
#   vm_begin                        devices, file systems, modules
#   vm_network                      QEMU's network, with the address its DHCP would give
#   vm_share TAG DIRECTORY ro|rw    mounts a directory of the host's at the same path
#   vm_run DIRECTORY COMMAND...     runs the command there, tells its status, powers off

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 VM_GUEST=yes

# What udev would load for the persistent memory there is, and what the tests use.
readonly MODULES=(nfit nd_e820 virtio_pmem nd_pmem dax_pmem device_dax fuse loop ext4 xfs)

vm_begin() {
    local module bus
    if [ "$$" -eq 1 ]; then
        mount -t tmpfs -o mode=1777 tmp /tmp
        mkdir -p /dev/shm /dev/pts /run/lock
        mount -t tmpfs -o mode=1777 shm /dev/shm
        mount -t devpts -o mode=620,ptmxmode=666 pts /dev/pts
        ln -sf /proc/self/fd /dev/fd
        ln -sf /proc/self/fd/0 /dev/stdin
        ln -sf /proc/self/fd/1 /dev/stdout
        ln -sf /proc/self/fd/2 /dev/stderr
        ln -sf /proc/self/mounts /etc/mtab
        busybox ifconfig lo 127.0.0.1 up
        for module in "${MODULES[@]}"; do
            modprobe "$module" || echo "session: cannot load $module" >&2
        done
        chmod 666 /dev/fuse # as udev makes it
        for bus in /sys/bus/nd/devices/ndbus*/wait_probe; do
            [ ! -e "$bus" ] || cat "$bus" >/dev/null
        done
    else
        modprobe -a 9p 9pnet_virtio virtio_console
    fi
}

vm_network() {
    modprobe virtio_net
    busybox ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
    busybox route add default gw 10.0.2.2
}

vm_share() { # tag, directory, ro|rw
    local options=trans=virtio,version=9p2000.L,msize=512000
    [ "$3" = rw ] || options+=,ro,cache=loose # the guest need not ask again for what nobody changes
    mkdir -p "$2"
    mount -t 9p -o "$options" "$1" "$2" || echo "session: cannot mount $2" >&2
}

_vm_port() { # name: prints its device
    local port
    for port in /sys/class/virtio-ports/*; do
        if [ "$(cat "$port/name" 2>/dev/null)" = "$1" ]; then
            printf '/dev/%s' "${port##*/}"
            return
        fi
    done
    echo "session: no port $1" >&2
    return 1
}

_vm_off() {
    sync
    if [ "$$" -eq 1 ]; then
        busybox poweroff -f
    else
        systemctl poweroff --no-block
    fi
}

vm_run() { # directory, command...
    local status=0 output tell
    output=$(_vm_port output) && tell=$(_vm_port status) || {
        _vm_off
        return
    }
    # Stopped by systemd: the command asked for a reboot, after which it is run again.
    trap 'exit 0' TERM
    (
        cd "$1" || exit 126
        shift
        exec "$@"
    ) </dev/null >"$output" 2>&1 &
    wait $! || status=$?
    printf 'status %d\n' "$status" >"$tell"
    _vm_off
}
