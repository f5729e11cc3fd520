#!/bin/sh
# Cargo for ARM64, which is what the fleet runs on unless told otherwise (deploy/ecs), from an x86-64 machine; what it builds is run by
# an emulated processor (Debian's qemu):
#     tests/arm64.sh test -p backfleet-convert
set -eu
cd "$(dirname "$0")/.."

if [ "$(uname -m)" = aarch64 ]; then
    exec cargo "$@"
fi
target=aarch64-unknown-linux-gnu
deploy/checks/debian.sh gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static

# Where the toolchain that is pinned has no standard library for it: Debian's compiler, unpacked, with its own.
compiler=$PWD/target/arm64/compiler
unpack_compiler() {
    downloads=$PWD/target/arm64/downloads
    rm -rf "$compiler" "$downloads"
    mkdir -p "$downloads/lists/partial" "$compiler"
    cat >"$downloads/apt.conf" <<EOF
APT::Architectures { "amd64"; "arm64"; };
APT::Sandbox::User "";
Dir::Cache "$downloads";
Dir::State::lists "$downloads/lists";
EOF
    export APT_CONFIG="$downloads/apt.conf"
    apt-get update -qq
    depends() { apt-cache depends "$1" | sed -n "s/^ *Depends: \($2.*\)/\1/p"; }
    libraries=$(depends libstd-rust-web-dev libstd-rust-web-)
    llvm=$(depends "$libraries" libllvm)
    (cd "$downloads" && apt-get download -qq rustc-web "$libraries" "$llvm" libstd-rust-web-dev libstd-rust-web-dev:arm64)
    for package in "$downloads"/*.deb; do
        dpkg --extract "$package" "$compiler"
    done
    unset APT_CONFIG
    rm -rf "$downloads"
    touch "$compiler/whole"
}
if ! [ -d "$(rustc --print target-libdir --target "$target")" ]; then
    [ -e "$compiler/whole" ] || unpack_compiler
    export RUSTC="$compiler/usr/bin/rustc" LD_LIBRARY_PATH="$compiler/usr/lib/x86_64-linux-gnu"
fi

export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-static -L /usr/aarch64-linux-gnu"
export CARGO_TARGET_DIR="$PWD/target/arm64"
command=$1
shift
exec cargo "$command" --target "$target" "$@"
