#!/usr/bin/env bash
# confined.sh ROOT COMMAND...
#
# Runs a command as a cautious platform runs a container: in this root, which nobody can write to, as
# a number that has no name, without capabilities and no way to get one. Needs root.
set -euo pipefail

exec unshare --mount --propagation private bash -c '
    root=$1
    shift
    mount --bind "$root" "$root"
    mount -o remount,bind,ro "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    exec unshare --root "$root" setpriv --reuid 10001 --regid 10001 --clear-groups \
        --bounding-set=-all --inh-caps=-all --no-new-privs "$@"
' bash "$@"
