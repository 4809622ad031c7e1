#!/usr/bin/env bash
# Builds the image of the container action: `scripts/build-image.sh [NAME]`, `daglab-action` unless
# given. Prints the name on stdout.
#
#   DAGLAB_IMAGE_BASE    the base image; unless given, what the Dockerfile says
#   DAGLAB_IMAGE_BINARY  a static binary; unless given, `scripts/build-static.sh` makes it
#
# No registry is asked for anything but the base image, and not for that if the engine has it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source scripts/python-environment.sh

name=${1:-daglab-action}
has docker || fail "no docker" "install it, or run \`scripts/setup-docker.sh\` as root on Debian"
binary=${DAGLAB_IMAGE_BINARY:-$(scripts/build-static.sh | tail -n 1)}
[[ -x $binary ]] || fail "there is no program \`$binary\`"

# The context holds what goes into the image and nothing else.
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
install -m 0755 "$binary" "$context/daglab"
cp scripts/test-requirements.txt "$context/requirements.txt"
cp Dockerfile "$context/Dockerfile"

arguments=(
    --tag "$name"
    --build-arg "VERSION=$("$binary" --version | cut -d' ' -f2)"
    --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)"
)
[[ -z ${DAGLAB_IMAGE_BASE:-} ]] || arguments+=(--build-arg "BASE=$DAGLAB_IMAGE_BASE")
docker build "${arguments[@]}" "$context" >&2
printf '%s\n' "$name"
