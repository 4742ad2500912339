#!/usr/bin/env bash
# Makes a Debian machine ready to build Rotor: a Swift compiler is looked for, missing packages are installed.
# Prints nothing and changes nothing where all is there. Works without a network then.
set -euo pipefail

swift="${SWIFT:-swift}"
oldest=6.2
source=https://www.swift.org/install/linux/

fail() {
    printf 'rotor: %s\n' "$*" >&2
    exit 1
}

# Debian packages, each as PATTERN=PACKAGE: nothing is missing while an installed package matches PATTERN.
# The compiler's own run-time needs aside: SQLite, LMDB, Berkeley DB and xxHash for the engines and checksums, zlib for
# HTTP, the C and C++ headers for the packages that bring C code, curl for the lines that `make run` prints.
wanted=(
    libsqlite3-dev=libsqlite3-dev
    liblmdb-dev=liblmdb-dev
    libdb5.3-dev=libdb5.3-dev
    libxxhash-dev=libxxhash-dev
    zlib1g-dev=zlib1g-dev
    libc6-dev=libc6-dev
    'libgcc-*-dev=gcc'
    'libstdc++-*-dev=g++'
    'pkg*conf*=pkg-config'
    binutils=binutils
    ca-certificates=ca-certificates
    curl=curl
    git=git
    make=make
)

installed() {
    dpkg-query --show --showformat='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

install_packages() {
    if ! command -v dpkg-query >/dev/null; then
        printf 'rotor: this is not Debian; the build needs what these packages hold: %s\n' "${wanted[*]#*=}" >&2
        return
    fi
    local entry missing=()
    for entry in "${wanted[@]}"; do
        installed "${entry%%=*}" || missing+=("${entry#*=}")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0

    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            fail "Debian packages are missing and there is no sudo; as root: apt-get install ${missing[*]}"
        root=(sudo)
    fi
    printf 'rotor: installing Debian packages: %s\n' "${missing[*]}"
    "${root[@]}" apt-get update -qq ||
        printf 'rotor: apt-get update failed; going on with the package lists that are there\n' >&2
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet --no-install-recommends "${missing[@]}" ||
        fail "could not install ${missing[*]}; see apt-get's lines above"
}

check_swift() {
    command -v "$swift" >/dev/null ||
        fail "no '$swift' on the PATH; install Swift $oldest or newer ($source), then run make again"
    local said version
    said="$("$swift" --version 2>&1)" ||
        fail "'$swift --version' failed (${said%%$'\n'*}); install Swift $oldest or newer anew ($source)"
    version="$(sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' <<<"$said" | head -n 1)"
    [ -n "$version" ] ||
        fail "'$swift --version' names no version (${said%%$'\n'*}); put Swift $oldest or newer on the PATH"
    [ "$(printf '%s\n' "$oldest" "$version" | sort --version-sort | head -n 1)" = "$oldest" ] ||
        fail "found Swift $version, Rotor needs $oldest or newer; get it from $source"
}

install_packages
check_swift
