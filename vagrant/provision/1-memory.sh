#!/bin/bash
# Has the kernel take a piece of ordinary memory for persistent memory (memmap=), from the next boot on. Does nothing where
# there is persistent memory already, such as an NVDIMM.
#
#   FUSEDAX_PMEM=1G 1-memory.sh      as root; how much of it, with M or G (default 1G)
#
# The piece is the upper end of the highest range of memory that has room for it above 2 GiB. Such memory keeps its content
# when the machine is rebooted, as far as the firmware leaves it alone, and loses it when it is switched off.
set -euo pipefail

pmem=${FUSEDAX_PMEM:-1G}
readonly CONFIGURATION=/etc/default/grub.d/fuse-dax.cfg
readonly ALIGNMENT=$((128 << 20)) # of sections of memory: what namespaces want
readonly LOWEST=$((2 << 30))

fail() {
    printf '1-memory: %s\n' "$*" >&2
    exit 1
}

[ "$(id -u)" -eq 0 ] || fail "needs root"
case $pmem in
    [1-9]*M) bytes=$((${pmem%M} << 20)) ;;
    [1-9]*G) bytes=$((${pmem%G} << 30)) ;;
    *) fail "FUSEDAX_PMEM: a size with M or G, please, not: $pmem" ;;
esac
[ $((bytes % ALIGNMENT)) -eq 0 ] || fail "FUSEDAX_PMEM: a multiple of 128M, please, not: $pmem"

if grep -q ' memmap=' /proc/cmdline; then
    echo "1-memory: the kernel was told already: $(grep -o 'memmap=[^ ]*' /proc/cmdline)"
    exit 0
fi
if grep -qi 'persistent memory' /proc/iomem; then
    echo "1-memory: there is persistent memory: nothing to do"
    exit 0
fi

# The ranges from the highest down: "100000000-17fffffff : System RAM". VirtualBox has only what exceeds 3.5 GiB at 4 GiB, so
# that the highest may be the smaller one. Each stays as it is below 2 GiB: GRUB puts the initial RAM disk there at every boot.
from=
while read -r range _; do
    start=$((16#${range%-*}))
    end=$((16#${range#*-} + 1))
    [ "$start" -ge "$LOWEST" ] || start=$LOWEST
    candidate=$(((end - bytes) / ALIGNMENT * ALIGNMENT))
    if [ "$candidate" -ge "$start" ]; then
        from=$candidate
        break
    fi
done < <(grep '^[0-9a-f]*-[0-9a-f]* : System RAM' /proc/iomem | tac)
[ -n "$from" ] || fail "no range of memory has $pmem above 2 GiB: give the machine more, or take less"

mkdir -p "${CONFIGURATION%/*}"
printf '# By fuse-dax (vagrant/provision/1-memory.sh): memory that is taken for persistent.\n%s\n' \
    "GRUB_CMDLINE_LINUX=\"\$GRUB_CMDLINE_LINUX memmap=$pmem!0x$(printf '%x' "$from")\"" >"$CONFIGURATION"
update-grub
echo "1-memory: $pmem from 0x$(printf '%x' "$from") on will be persistent memory after a reboot"
