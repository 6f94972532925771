# Shell functions that install what a script needs on Debian. Sourced by tools/quickstart, tests/run, tests/bench.
# shellcheck shell=bash
#
#   . "$checkout/tools/lib/packages.sh"
#   ensure_java                 a JDK >= 17; sets and exports JAVA_HOME
#   ensure_build_tools          maven, gcc, libc headers
#   ensure_fuse                 libfuse2, fusermount, an openable /dev/fuse
#   ensure_user_fuse            the same for mounts by ordinary users
#   ensure_fusermount3 DIR      DIR/bin/fusermount3, setuid root, beside the installed fusermount
#   ensure_packages fio rsync   any Debian packages, by name
#   ensure_command fio fio      COMMAND PACKAGE: installs PACKAGE if COMMAND is not on the PATH
#   as_root COMMAND...          runs COMMAND as root: directly, or by sudo
#
# Nothing is downloaded when everything is there. Each function returns non-zero after one line on stderr.

readonly MINIMUM_JAVA=17

# quickstart and tests sit in sbin territory (mount, umount) even when a user's PATH lacks it.
case ":$PATH:" in
    *:/usr/sbin:*) ;;
    *) PATH="$PATH:/usr/sbin:/sbin" ;;
esac

_packages_fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    return 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        _packages_fail "needs root for: $*: run it as root, or install sudo"
    fi
}

_package_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Installs the packages that are missing; refreshes the lists once if they are empty or stale.
ensure_packages() {
    local package missing=()
    for package in "$@"; do
        _package_installed "$package" || missing+=("$package")
    done
    [ "${#missing[@]}" -eq 0 ] && return 0
    command -v apt-get >/dev/null 2>&1 ||
        _packages_fail "not a Debian system: install by hand what gives: ${missing[*]}" || return 1
    printf '%s: installing %s\n' "${0##*/}" "${missing[*]}" >&2
    _apt_install "${missing[@]}" && return 0
    as_root apt-get -o Acquire::Retries=3 update -qq >&2 || true
    _apt_install "${missing[@]}" || _packages_fail "cannot install: ${missing[*]}"
}

_apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 \
        install -y -qq --no-install-recommends "$@" >&2
}

ensure_command() {
    command -v "$1" >/dev/null 2>&1 || ensure_packages "$2"
}

# Major version of the JDK at $1 (a JAVA_HOME), or nothing if it is none.
_java_major() {
    local version=
    [ -x "$1/bin/java" ] || return 0
    [ -r "$1/release" ] && version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release")
    [ -n "$version" ] ||
        version=$("$1/bin/java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p;T;q')
    printf '%s' "$version"
}

# A JDK (with javac) of at least MINIMUM_JAVA: JAVA_HOME, the PATH's, any in /usr/lib/jvm.
_find_jdk() {
    local home javac major
    javac=$(command -v javac 2>/dev/null)
    [ -n "$javac" ] && javac=$(readlink -f "$javac")
    for home in "${JAVA_HOME:-}" "${javac%/bin/javac}" /usr/lib/jvm/*; do
        [ -n "$home" ] && [ -x "$home/bin/javac" ] || continue
        major=$(_java_major "$home")
        if [ "${major:-0}" -ge "$MINIMUM_JAVA" ]; then
            printf '%s' "$home"
            return 0
        fi
    done
    return 1
}

ensure_java() {
    local home
    if ! home=$(_find_jdk); then
        ensure_packages "openjdk-$MINIMUM_JAVA-jdk-headless" || return 1
        home=$(_find_jdk) || _packages_fail "no JDK >= $MINIMUM_JAVA found after installing it" || return 1
    fi
    export JAVA_HOME=$home
}

ensure_build_tools() {
    ensure_command mvn maven && ensure_command gcc gcc || return 1
    [ -e /usr/include/stdlib.h ] || ensure_packages libc6-dev
}

_has_libfuse2() {
    local directory
    for directory in /lib/*-linux-gnu /usr/lib/*-linux-gnu /lib64 /usr/lib64 /usr/local/lib; do
        [ -e "$directory/libfuse.so.2" ] && return 0
    done
    return 1
}

# The libfuse 2.9 run time. `fusermount` comes from the package fuse, or from fuse3, which conflicts with it.
ensure_fuse() {
    _has_libfuse2 || ensure_packages libfuse2 || return 1
    ensure_command fusermount fuse || return 1
    if [ ! -e /dev/fuse ]; then
        as_root modprobe fuse 2>/dev/null || true
        [ -e /dev/fuse ] || as_root mknod -m 666 /dev/fuse c 10 229 2>/dev/null || true
    fi
    if [ ! -e /dev/fuse ] || ! as_root sh -c 'exec 3<>/dev/fuse' 2>/dev/null; then
        _packages_fail "/dev/fuse cannot be opened: the kernel or container has no FUSE"
    fi
}

# What an ordinary user needs to mount: /dev/fuse as udev makes it (0666), fusermount setuid root as Debian ships it.
ensure_user_fuse() {
    ensure_fuse || return 1
    [ "$(stat -c %a /dev/fuse)" = 666 ] || as_root chmod 666 /dev/fuse || return 1
    [ -u "$(readlink -f "$(command -v fusermount)")" ] ||
        _packages_fail "fusermount is not setuid root: ordinary users cannot mount"
}

# The package fuse3 conflicts with fuse, so it is unpacked only.
ensure_fusermount3() {
    [ -u "$1/bin/fusermount3" ] && return 0
    mkdir -p "$1" || return 1
    (cd "$1" && apt-get download -qq fuse3 >&2 && dpkg-deb -x fuse3_*.deb .) &&
        as_root chown root:root "$1/bin/fusermount3" && as_root chmod 4755 "$1/bin/fusermount3" ||
        _packages_fail "cannot unpack the package fuse3"
}
