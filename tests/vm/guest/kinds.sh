# Regions of every kind on real persistent memory. Sourced in a guest of tests/vm/run.
# shellcheck shell=bash
#
#   make_region KIND N DIR    makes namespace N.0 what KIND says, and sets $region to a region on it; DIR is where a
#                             file system is mounted
#   serve REGION DIR OPTIONS  mkfs and mount with OPTIONS
#
# KIND: devdax-2M, devdax-4K, fsdax-ext4, fsdax-xfs.

# A JVM is started often here, and never runs for long.
export FUSE_DAX_HEAP=256m FUSE_DAX_JAVA_OPTS=-XX:TieredStopAtLevel=1

guest_fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

make_region() {
    local kind=$1 namespace=namespace$2.0 directory=$3
    case $kind in
        devdax-2M) _namespace "$namespace" devdax 2M && region=/dev/dax$2.0 ;;
        devdax-4K) _namespace "$namespace" devdax 4K && region=/dev/dax$2.0 ;;
        fsdax-*)
            _namespace "$namespace" fsdax 2M
            make_dax_mount "${kind#fsdax-}" "/dev/pmem$2" "$directory"
            region=$directory/region
            truncate -s "$(($(stat -f -c '%a * %S' "$directory") * 9 / 10 >> 21 << 21))" "$region"
            ;;
        *) guest_fail "no such kind: $kind" ;;
    esac
    [ -e "$region" ] || guest_fail "$kind: no $region"
}

_namespace() { # name, mode, alignment
    ndctl create-namespace --force --reconfig="$1" --mode="$2" --align="$3" >/dev/null ||
        guest_fail "cannot make $1 $2"
}

# A file system in DAX mode: ext4 or xfs, device, directory.
make_dax_mount() {
    case $1 in
        ext4) mkfs.ext4 -q -F -b 4096 "$2" ;;
        xfs) mkfs.xfs -q -f -m reflink=0 "$2" ;;
    esac
    mkdir -p "$3"
    mount -t "$1" -o dax=always "$2" "$3"
}

serve() {
    tools/fuse-dax mkfs --force "$1" >/dev/null
    mkdir -p "$2"
    tools/fuse-dax mount -o "$3" "$1" "$2"
}
