#!/usr/bin/env bash
# Writes what a release of the action consists of: `scripts/pack-action.sh DIR VERSION DIGEST SUMS`.
#
#   DIR      a new folder
#   VERSION  the tag: v1.2.3
#   DIGEST   of the image: sha256:…
#   SUMS     a file with the checksums of the binaries' archives, as sha256sum writes them
#
# The folder is what the repository of the action holds at that tag: small, since every job that uses
# the action downloads it, and pinned, so that its commit says which image and which binary it runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source scripts/python-environment.sh

[[ $# -eq 4 ]] || fail "four arguments are needed" "DIR VERSION DIGEST SUMS"
dir=$1 version=$2 digest=$3 sums=$4
[[ $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "\`$version\` is no version" "it looks like v1.2.3"
[[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || fail "\`$digest\` is no digest" "it looks like sha256:…"
[[ -s $sums ]] || fail "there are no checksums in \`$sums\`"
if grep -qvE '^[0-9a-f]{64} [ *]daglab-[a-z0-9_-]+\.tar\.gz$' "$sums"; then
    fail "\`$sums\` holds something else than checksums"
fi
mkdir "$dir"

# The comment that asks the linter for patience goes with the tag.
sed -E "s|^  # A release puts the digest.*|  # $version|; /^  # its commit means the image/d
    s|^( *image: docker://[^:@ ]*(:[0-9]+)?[^:@ ]*):v[0-9]+ .*|\1@$digest|" action.yml >"$dir/action.yml"
grep -q "^  image: docker://.*@$digest\$" "$dir/action.yml" || fail "\`action.yml\` names its image in another way"
install -d "$dir/on-runner"
install -m 0755 on-runner/install.sh "$dir/on-runner/install.sh"
install -m 0644 on-runner/action.yml on-runner/run.cjs "$dir/on-runner/"
{
    printf '%s\n' "$version"
    sed 's/ \*/  /' "$sums"
} >"$dir/on-runner/release.txt"
install -m 0644 LICENSE "$dir/LICENSE"
install -m 0644 docs/github-action.md "$dir/README.md"
