#!/bin/sh
# boot.sh MACHINE HOSTNAME ROOT: boot ROOT under systemd-nspawn, in the network namespace MACHINE.
# With a cgroup tree of its own, for the host may have none that systemd likes.
set -eu
# shellcheck disable=SC2016
exec unshare -m --propagation private sh -eu -c '
    umount -R /sys/fs/cgroup 2>/dev/null || true
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    tree=/sys/fs/cgroup/$1
    if [ -d "$tree" ]; then find "$tree" -depth -type d -exec rmdir {} + 2>/dev/null || true; fi
    mkdir -p "$tree"
    echo $$ >"$tree/cgroup.procs"
    exec systemd-nspawn --quiet --register=no --keep-unit --boot --console=pipe --resolv-conf=off \
        --machine="$1" --hostname="$2" --directory="$3" --network-namespace-path="/run/netns/$1"
' - "$@"
