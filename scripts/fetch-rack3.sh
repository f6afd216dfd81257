#!/usr/bin/env bash
# scripts/fetch-rack3.sh FOLDER: unpacks Rack 3, Rackup and Sinatra 4 there, and installs nothing. They are the packages of Debian
# trixie, from the mirror that apt has; it checks their signatures. Fails where apt cannot fetch them.
set -euo pipefail
folder=$(realpath -m "$1")
[ ! -e "$folder/.ready" ] || exit 0
rm -rf "$folder"
mkdir -p "$folder"/apt/{lists,cache/archives}/partial
cd "$folder/apt"
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' | head -n 1)
[ -n "$mirror" ] || { echo 'apt has no mirror of Debian' >&2; exit 1; }
echo "deb $mirror trixie main" >sources.list
fetch() {
    apt-get -qq -o Dir::Etc::sourcelist="$PWD/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$PWD/lists" \
        -o Dir::Cache="$PWD/cache" -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
        -o APT::Sandbox::User="$(id -un)" -o APT::Update::Error-Mode=any "$@"
}
fetch update
fetch download ruby-base64 ruby-mustermann ruby-rack ruby-rackup ruby-rack-protection ruby-rack-session ruby-sinatra ruby-tilt
for package in *.deb; do dpkg-deb -x "$package" "$folder"; done
rm -r "$folder/apt"
touch "$folder/.ready"
