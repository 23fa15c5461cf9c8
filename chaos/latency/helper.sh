# Delays the network of a container, and ends that by itself: after the time to live, when
# it is told to end, or on an error.
# Arguments: the container's id, the interface, the time to live in seconds, and what
# comes after "netem" in tc's command.
set -eu
container=$1 interface=$2 ttl=$3
shift 3

fail() {
  echo "$*" >&2
  exit 1
}

for needed in grep nsenter readlink tc; do
  command -v "$needed" >/dev/null || fail "the image lacks $needed: helperImage names one that has sh, nsenter and tc"
done

# Some process of the container: those of a pod share a network namespace. The runtime's
# own, which has the container's id in its cgroup's name as well, has the node's.
node=$(readlink /proc/1/ns/net) || fail "cannot read /proc/1/ns/net, so cannot tell a pod's network from the node's:" \
  "it takes the node's process ids (hostPID) and the capability SYS_PTRACE over them, which nodes that are containers" \
  "themselves may not give: delay pods on other nodes, or by Chaos Mesh"
pid=
for cgroup in /proc/[0-9]*/cgroup; do
  if grep -q -- "$container" "$cgroup" 2>/dev/null; then
    process=${cgroup%/cgroup}
    network=$(readlink "$process/ns/net") || continue # it has just ended
    if [ "$network" != "$node" ]; then
      pid=${process#/proc/}
      break
    fi
  fi
done
[ -n "$pid" ] || fail "no process on this node belongs to container $container and has a network of its own that can be read"
# Held open, the namespace can be entered also when the process has ended.
exec 3<"/proc/$pid/ns/net"

end() {
  nsenter --net=/proc/self/fd/3 tc qdisc del dev "$interface" root netem || true
}
told=
trap 'told=1' TERM INT HUP
nsenter --net=/proc/self/fd/3 tc qdisc add dev "$interface" root netem "$@"
trap end EXIT
trap 'exit 143' TERM INT HUP
[ -z "$told" ] || exit 143
touch /tmp/in-force
sleep "$ttl" &
wait $!
