#!/usr/bin/env bash
# scripts/unpack-debian.sh FOLDER RELEASE PACKAGE...: unpacks these packages of a release of Debian there, and installs nothing. They
# come from the mirror that apt has; it checks their signatures. Where it cannot fetch them, this fails, and says what is skipped.
set -euo pipefail
folder=$(realpath -m "$1") release=$2
shift 2
[ ! -e "$folder/.ready" ] || exit 0
rm -rf "$folder"
mkdir -p "$folder"/apt/{lists,cache/archives}/partial
cd "$folder/apt"
apt() {
    apt-get -qq -o Dir::Etc::sourcelist="$PWD/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$PWD/lists" \
        -o Dir::Cache="$PWD/cache" -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
        -o APT::Sandbox::User="$(id -un)" -o APT::Update::Error-Mode=any "$@"
}
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' | head -n 1)
echo "deb $mirror $release main" >sources.list
if [ -z "$mirror" ] || ! apt update || ! apt download "$@"; then
    echo "apt cannot fetch $* of Debian $release here: what needs them is skipped" >&2
    exit 1
fi
for package in *.deb; do dpkg-deb -x "$package" "$folder"; done
rm -r "$folder/apt"
touch "$folder/.ready"
