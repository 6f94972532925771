#!/bin/bash
# Installs fuse-dax from its .deb, which is built if there is none, and the tools for persistent memory.
#
#   FUSEDAX_FIO=yes|no 2-install.sh [DEB]       as root; whether fio is wanted, which brings much along (default yes)
set -euo pipefail

checkout=$(dirname "$(dirname "$(dirname "$(readlink -f -- "${BASH_SOURCE[0]}")")")")
export DEBIAN_FRONTEND=noninteractive

fail() {
    printf '2-install: %s\n' "$*" >&2
    exit 1
}

newest_deb() {
    find "$checkout/tools/target" -maxdepth 1 -name 'fuse-dax_*.deb' 2>/dev/null | sort | tail -n 1
}

# Not so a package that was removed and not purged, which dpkg -s finds, too.
is_installed() { # package
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install_packages() {
    local package missing=()
    for package in "$@"; do
        [ -e "$package" ] || is_installed "$package" || missing+=("$package")
    done
    [ "${#missing[@]}" -eq 0 ] || {
        apt-get -o Acquire::Retries=3 update -qq
        apt-get -o Acquire::Retries=3 install -y -qq --no-install-recommends "${missing[@]}"
    }
}

[ "$(id -u)" -eq 0 ] || fail "needs root"
deb=${1:-$(newest_deb)}
if [ -z "$deb" ]; then
    install_packages maven openjdk-17-jdk-headless gcc libc6-dev
    (cd "$checkout" && mvn -B -q -Dstyle.color=never -DskipTests -pl tools -am package)
    deb=$(newest_deb)
fi
[ -e "$deb" ] || fail "no such package: ${deb:-built, but not found}"
install_packages ndctl daxctl libpmem1 e2fsprogs
[ "${FUSEDAX_FIO:-yes}" = no ] || install_packages fio

version=$(dpkg-deb --field "$deb" Version)
content=$(sha256sum <"$deb")
if [ "$(cat /var/lib/fuse-dax/installed 2>/dev/null)" = "$content" ] && is_installed fuse-dax; then
    echo "2-install: fuse-dax $version is installed"
    exit 0
fi
[ -n "$(find /var/lib/apt/lists -name '*Packages*' 2>/dev/null | head -n 1)" ] || apt-get update -qq
apt-get -o Acquire::Retries=3 install -y -qq --no-install-recommends --reinstall --allow-downgrades "$(readlink -f "$deb")"
mkdir -p /var/lib/fuse-dax
printf '%s\n' "$content" >/var/lib/fuse-dax/installed
echo "2-install: fuse-dax $version"
