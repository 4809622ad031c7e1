#!/usr/bin/env bash
# Downloads the release that this action is pinned to, compares its checksum, and says where it is.
#
#   BINARY        a daglab that is there already, which is taken as it is
#   DOWNLOAD_URL  the folder of the releases
#
# `release.txt` beside this script has the version on its first line and then, as sha256sum writes
# them, the checksum of each archive. A release of this action writes it.
set -euo pipefail

fail() {
    printf '::error::%s\n' "$1"
    exit 3
}

if [[ -n ${BINARY:-} ]]; then
    path=$(command -v -- "$BINARY") || fail "there is no program \`$BINARY\`"
    printf 'path=%s\n' "$path" >>"$GITHUB_OUTPUT"
    exit 0
fi

release="$(dirname "${BASH_SOURCE[0]}")/release.txt"
[[ -e $release ]] || fail "this commit of the action is pinned to no release; use one of its tags, or the input \`binary\`"
version=$(head -n 1 "$release")
case "$(uname -s)-$(uname -m)" in
Linux-x86_64) target=x86_64-unknown-linux-gnu ;;
Linux-aarch64) target=aarch64-unknown-linux-gnu ;;
*) fail "there is no daglab for $(uname -s) on $(uname -m)" ;;
esac
archive="daglab-$target.tar.gz"
sum=$(awk -v name="$archive" '$2 == name { print $1 }' "$release")
[[ -n $sum ]] || fail "no checksum of \`$archive\` is known"

dir=$(mktemp -d "$RUNNER_TEMP/daglab.XXXXXX")
curl --fail --silent --show-error --location --retry 3 --max-time 300 \
    --output "$dir/$archive" "$DOWNLOAD_URL/$version/$archive" ||
    fail "\`$DOWNLOAD_URL/$version/$archive\` could not be downloaded"
# Before anything of it is unpacked.
printf '%s  %s\n' "$sum" "$dir/$archive" | sha256sum --check --quiet >&2 ||
    fail "\`$archive\` is not what was released: its checksum is another one"
tar -xzf "$dir/$archive" -C "$dir" daglab
rm "$dir/$archive"
printf 'path=%s\n' "$dir/daglab" >>"$GITHUB_OUTPUT"
