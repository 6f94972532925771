#!/bin/bash
# Makes the persistent memory a region, puts a volume on it, once, and mounts it on /mnt/pmem, now and at every boot; has
# the message of the day tell what to try.
#
#   FUSEDAX_MODE=devdax|fsdax FUSEDAX_ALIGN=4k|2M 3-volume.sh      as root (default devdax, 4k)
set -euo pipefail

mode=${FUSEDAX_MODE:-devdax}
alignment=${FUSEDAX_ALIGN:-4k}
here=$(dirname "$(readlink -f -- "${BASH_SOURCE[0]}")")

[ "$(id -u)" -eq 0 ] || {
    echo "3-volume: needs root" >&2
    exit 1
}
install -D -m 755 "$here/namespace.sh" /usr/local/lib/fuse-dax/namespace
cat >/etc/systemd/system/fuse-dax-namespace.service <<END
[Unit]
Description=Persistent memory for fuse-dax
After=local-fs.target
Before=fuse-dax@pmem.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/fuse-dax/namespace $mode $alignment

[Install]
RequiredBy=fuse-dax@pmem.service
END
# A region that is a file: its file system is unmounted after the volume when the machine goes down.
order=/etc/systemd/system/fuse-dax@pmem.service.d/order.conf
if [ "$mode" = fsdax ]; then
    install -d "${order%/*}"
    printf '[Unit]\nAfter=pmem.mount\n' >"$order"
else
    rm -f "$order"
fi
systemctl daemon-reload
# By itself first: a restart of the service would unmount a volume that is in use.
/usr/local/lib/fuse-dax/namespace "$mode" "$alignment"
systemctl -q enable fuse-dax-namespace.service fuse-dax@pmem.service
systemctl start fuse-dax@pmem.service || {
    systemctl --no-pager --full --lines=20 status fuse-dax-namespace.service fuse-dax@pmem.service >&2 || true
    exit 1
}

install -d /etc/update-motd.d
cat >/etc/update-motd.d/60-fuse-dax <<'END'
#!/bin/sh
cat <<'MESSAGE'

  fuse-dax is mounted on /mnt/pmem. To try:

    fuse-dax stats /mnt/pmem                       what the mount does and is
    fuse-dax region list --human                   the persistent memory below it
    fuse-dax run -- fio --name=try --filename=/mnt/pmem/try --size=16M --rw=randwrite --bs=4k --ioengine=libpmem
    fuse-dax stats --file /mnt/pmem/try            what that cost: faults, commits
    fuse-dax --help; man fuse-dax
MESSAGE
END
chmod 755 /etc/update-motd.d/60-fuse-dax
echo "3-volume: /mnt/pmem: $(grep ' /mnt/pmem ' /proc/mounts)"
