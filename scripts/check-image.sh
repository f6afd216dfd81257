#!/usr/bin/env bash
# Builds the image and runs a gateway and a worker from it, without a container engine: buildah in
# a chroot, its storage in a temporary folder. Needs root.
#
# BASE names the base image, python:3.13-slim if it is not set, and BUILDER the one with a C compiler,
# python:3.13. Where they cannot be had, debootstrap makes both from the system's own distribution.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { printf 'skipped: %s\n' "$*"; exit 0; }
step() { printf '==> %s\n' "$*"; }
fail() { printf 'check-image: %s\n' "$*" >&2; exit 1; }

command -v buildah >/dev/null || skip "buildah is not installed"
[ "$(id -u)" = 0 ] || skip "buildah's chroot isolation needs root"

work=$(mktemp -d)
export BUILDAH_ISOLATION=chroot CONTAINERS_STORAGE_CONF="$work/storage.conf"
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s/graph"\nrunroot = "%s/run"\n' \
    "$work" "$work" >"$CONTAINERS_STORAGE_CONF"
started=()

# The process that runs the command inside the container, below the buildah process $1.
innermost() {
    local pid=$1 child
    while child=$(pgrep -P "$pid" | head -n 1) && [ -n "$child" ]; do pid=$child; done
    echo "$pid"
}

clean_up() {
    for pid in "${started[@]}"; do
        kill -0 "$pid" 2>/dev/null && kill -KILL "$(innermost "$pid")" 2>/dev/null || true
    done
    wait
    buildah umount --all >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap clean_up EXIT

# ---------------------------------------------------------------- build

make_base() { # name, more packages
    local container mount
    . /etc/os-release
    container=$(buildah from scratch)
    mount=$(buildah mount "$container")
    debootstrap --variant=minbase --include="ca-certificates,python3,python3-venv$2" \
        "$VERSION_CODENAME" "$mount" >"$work/base.log" 2>&1 \
        || { tail -n 20 "$work/base.log" >&2; fail "debootstrap failed"; }
    buildah commit --quiet --rm "$container" "$1" >/dev/null
}

base=${BASE:-python:3.13-slim} builder=${BUILDER:-python:3.13}
if ! timeout 300 buildah pull --quiet "$base" "$builder" >"$work/pull.log" 2>&1; then
    [ -z "${BASE:-}${BUILDER:-}" ] || { cat "$work/pull.log" >&2; fail "cannot pull $base or $builder"; }
    command -v debootstrap >/dev/null \
        || skip "$base cannot be pulled, and debootstrap is not installed"
    step "$base or $builder cannot be pulled: making both with debootstrap"
    base=prack-base builder=prack-builder
    make_base "$base" ""
    make_base "$builder" ,gcc,libc6-dev,python3-dev
fi

# pip inside has to find packages as pip outside does.
volumes=()
for file in /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
    [ ! -f "$file" ] || volumes+=(--volume "$file:$file:ro")
done

step "Building"
buildah build --quiet --format docker --layers=false "${volumes[@]}" \
    --build-arg BASE="$base" --build-arg BUILDER="$builder" --tag prack . >"$work/build.log" 2>&1 \
    || { tail -n 40 "$work/build.log" >&2; fail "the build failed"; }

# ---------------------------------------------------------------- run

configured() { # a path of keys
    buildah inspect --type image prack | python3 -c '
import json, sys
value = json.load(sys.stdin)["Docker"]["config"]
for key in sys.argv[1].split("."):
    value = value[key]
print(json.dumps(value))' "$1"
}
same() { [ "$2" = "$3" ] || fail "$1 is $2, expected $3"; }

step "Looking at the image"
same "the user" "$(configured User)" '"10001:10001"'
same "the command" "$(configured Cmd)" '["prack", "serve"]'
same "the health check" "$(configured Healthcheck.Test)" '["CMD", "prack", "healthcheck"]'

container=$(buildah from prack)
root=$(buildah mount "$container")
mkdir -p "$root/app"
cat >"$root/app/hello.py" <<'PY'
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello from the image\n"]
PY
# The chroot shares the network, so the ports have to be free ones.
read -r port api_port grpc_port admin_port < <(python3 - <<'PY'
import socket

sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
print(*(one.getsockname()[1] for one in sockets))
PY
)
buildah config --env "PRACK_HOST=127.0.0.1" --env "PRACK_PORT=$port" \
    --env "PRACK_API_PORT=$api_port" --env "PRACK_GRPC_PORT=$grpc_port" \
    --env "PRACK_ADMIN_PORT=$admin_port" "$container"

run() { buildah run "$container" -- "$@"; }
start() {
    run "$@" >"$work/${1}.log" 2>&1 &
    started+=($!)
}
try() { # seconds, then a command
    local end=$((SECONDS + $1))
    shift
    until "$@" >"$work/try.log" 2>&1; do
        [ "$SECONDS" -lt "$end" ] || { cat "$work"/prack*.log "$work/try.log" >&2; fail "$*"; }
        sleep 0.2
    done
}
stop() { # name, pid
    local code=0
    kill -TERM "$(innermost "$2")"
    wait "$2" || code=$?
    [ "$code" = 0 ] || { cat "$work/$1.log" >&2; fail "$1 ended with $code"; }
}

[[ $(run prack version) == *"(compiled)" ]] || fail "the gateway is not compiled"
! run sh -c 'command -v cc || command -v gcc' >"$work/cc.log" || fail "a compiler is in the image: $(cat "$work/cc.log")"

step "Running prack serve and prack-worker"
touch "$work/begin"
start prack serve
gateway=$!
try 20 run prack healthcheck
start prack-worker hello:app --gateway "prack://127.0.0.1:$api_port"
worker=$!
get() { python3 -c 'import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=30).read())' "$1"; }
try 20 get "http://127.0.0.1:$port/"
grep -q 'hello from the image' "$work/try.log" || fail "the worker's answer did not come"

for pid in "$gateway" "$worker"; do
    same "the uid of a process" "$(awk '/^Uid:/ {print $2}' "/proc/$(innermost "$pid")/status")" 10001
done
stop prack-worker "$worker"
stop prack "$gateway"
! run prack healthcheck >/dev/null 2>&1 || fail "the health check is content without a gateway"

written=$(find "$root" -xdev -newer "$work/begin" -type f ! -path "$root/etc/*" | head -n 5)
[ -z "$written" ] || fail "something was written: $written"

step "Running both with a read-only root, without capabilities"
confined() {
    scripts/confined.sh "$root" env PATH=/opt/prack/bin:/usr/local/bin:/usr/bin:/bin \
        PRACK_HOST=127.0.0.1 PRACK_PORT="$port" PRACK_API_PORT="$api_port" \
        PRACK_GRPC_PORT="$grpc_port" PRACK_ADMIN_PORT="$admin_port" "$@"
}
confined prack serve >"$work/prack.log" 2>&1 &
gateway=$!
started+=("$gateway")
try 20 confined prack healthcheck
! confined touch /tmp/written 2>/dev/null || fail "the root can be written to"
confined prack-worker --app-dir /app hello:app --gateway "prack://127.0.0.1:$api_port" \
    >"$work/prack-worker.log" 2>&1 &
worker=$!
started+=("$worker")
try 20 get "http://127.0.0.1:$port/"
for pid in "$gateway" "$worker"; do
    caps=$(awk '/^Cap(Prm|Bnd):/ {print $2}' "/proc/$(innermost "$pid")/status" | tr -d '0\n')
    same "the capabilities of a process" "$caps" ""
done
stop prack-worker "$worker"
stop prack "$gateway"

step "The image is as it must be"
