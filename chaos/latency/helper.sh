# Delays the network of a container, and ends that by itself: after the time to live, when
# it is told to end, or on an error.
# Arguments: the container's id, the interface, the time to live in seconds, and what
# comes after "netem" in tc's command.
set -eu
container=$1 interface=$2 ttl=$3
shift 3

# Some process of the container: those of a pod share a network namespace. The runtime's
# own, which has the container's id in its cgroup's name as well, has the node's.
node=$(readlink /proc/1/ns/net)
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
if [ -z "$pid" ]; then
  echo "no process on this node belongs to container $container and has a network of its own" >&2
  exit 1
fi
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
