#!/bin/bash
# What programs do with mappings, on a region of each kind: prints a line "== KIND" and then maptest's lines, the
# mount's statistics and what fsck says, for RealKernelIT. Runs in a guest of tests/vm/run with an NVDIMM for each.
#
#   mappings.sh MAPTEST KIND...
set -euo pipefail
here=$(dirname "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source=tests/vm/guest/kinds.sh
. "$here/kinds.sh"

maptest=$1
shift
at=0
for kind in "$@"; do
    printf '== %s\n' "$kind"
    directory=/tmp/mount$at
    make_region "$kind" "$at" "/tmp/dax$at"
    serve "$region" "$directory" dax=always
    items=calls
    [ "$kind" != devdax-2M ] || items=units
    tools/fuse-dax run -- "$maptest" "$items" "$directory" all || printf 'exit | %d\n' $?
    tools/fuse-dax run -- fio --name=pmem --filename="$directory/fio" --size=4M --rw=randwrite --bs=4k \
        --ioengine=libpmem --direct=1 --iodepth=1 --verify=crc32c --verify_state_save=0 --output-format=terse \
        >/tmp/fio.out 2>&1 && printf 'fio | ok\n' || printf 'fio | %s\n' "$(tail -n 1 /tmp/fio.out)"
    tools/fuse-dax stats --json "$directory" | sed -n 's/^ *"\(region_kind\|flush_mechanism\|alignment_bytes\|huge_faults\|write_faults\|synchronous_faults\|fault_commits\)" : "\{0,1\}\([^",]*\)"\{0,1\},\{0,1\}$/\1 | \2/p'
    tools/fuse-dax umount "$directory"
    tools/fuse-dax fsck -n "$region" && printf 'fsck | ok\n' || printf 'fsck | exit %d\n' $?
    at=$((at + 1))
done
