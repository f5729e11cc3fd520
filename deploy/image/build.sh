#!/bin/sh
# Makes the image of deploy/image/Dockerfile without a Docker daemon: target/image/backfleet.tar, an OCI archive.
# Needs Rust and a C compiler; installs buildah from Debian where it is missing (as root). IMAGE_PROFILE=dev compiles it faster.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd -P)
cd "$root"
profile=${IMAGE_PROFILE:-release}
target="$(uname -m)-unknown-linux-gnu"
programs=target/$target/$profile
[ "$profile" != dev ] || programs=target/$target/debug
out=target/image
archive=$out/backfleet.tar
certificates=/etc/ssl/certs/ca-certificates.crt

deploy/checks/debian.sh buildah ca-certificates

RUSTFLAGS="-C target-feature=+crt-static" \
    cargo build --profile "$profile" --locked --target "$target" -p backfleet -p backfleet-worker

rm -rf "$out/tree" "$archive"
install -d "$out/tree/etc/ssl/certs"
install -d -m 1777 "$out/tree/tmp"
install -s "$programs/backfleet" "$programs/backfleet-worker" "$out/tree/"
install -m 0644 "$certificates" "$out/tree/etc/ssl/certs/"

# Plain folders instead of mounts, so that it works where nothing may be mounted.
buildah() { command buildah --storage-driver vfs --root "$root/$out/storage" --runroot "$root/$out/run" "$@"; }
container=$(buildah from scratch)
trap 'buildah rm "$container" >/dev/null' EXIT
buildah copy --quiet "$container" "$out/tree" / >/dev/null
buildah config --env SSL_CERT_FILE="$certificates" --volume /tmp --user 65532:65532 --entrypoint '["/backfleet-worker"]' "$container"
buildah commit --quiet --disable-compression=false "$container" "oci-archive:$archive:backfleet:latest" >/dev/null

echo "$archive: $(du -k "$archive" | cut -f1) KiB; backfleet $(du -k "$out/tree/backfleet" | cut -f1) KiB," \
    "backfleet-worker $(du -k "$out/tree/backfleet-worker" | cut -f1) KiB unpacked"
