# Makes the namespaces of a host, and cleans up its control groups when it has ended.
# $1: the folder of the host; $2: the script that runs inside.
set -eu
groups=
for parent in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
  if [ -w "$parent/cgroup.procs" ]; then
    mkdir "$parent/airlock-host-$$"
    echo $$ > "$parent/airlock-host-$$/cgroup.procs"
    groups="$groups $parent"
  fi
done
unshare --mount --pid --uts --ipc --cgroup --net --fork --kill-child --propagation private \
  /bin/sh "$2" "$1" </dev/null &
child=$!
trap 'kill -KILL "$child"' TERM
echo "$child" > "$1/outer"
wait "$child" || true
# The kernel takes a moment to forget the last of them.
for parent in $groups; do
  echo $$ > "$parent/cgroup.procs"
  group="$parent/airlock-host-$$"
  tries=0
  while [ -d "$group" ] && [ "$tries" -lt 40 ]; do
    find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    tries=$((tries + 1))
    [ ! -d "$group" ] || sleep 0.1
  done
done
