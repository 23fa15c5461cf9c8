#!/usr/bin/env bash
# Unpacks Debian's or Ubuntu's package of Prometheus, which tests of monitoring need, into
# out/peers/prometheus/, where neither Prometheus nor promtool is installed. It is not installed
# itself: that would start a server that listens on all addresses. Usage: hack/prometheus.sh
set -euo pipefail
cd "$(dirname "$0")/.."
out=out/peers/prometheus
if hash prometheus promtool 2>/dev/null || [ -x $out/usr/bin/promtool ]; then
	exit 0
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
	echo "there is no Prometheus, and no apt-get to get it with: install prometheus and promtool" >&2
	exit 1
fi
mkdir -p out/peers
fresh=$(mktemp -d "$PWD/out/peers/.prometheus.XXXXXX")
trap 'rm -rf "$fresh"' EXIT
root=()
[ "$(id -u)" = 0 ] || root=(sudo)
(
	cd "$fresh"
	get() { apt-get download -qq -o APT::Sandbox::User=root prometheus; }
	get 2>/dev/null || { "${root[@]}" apt-get update -qq && get; }
	dpkg-deb -x prometheus_*.deb .
	rm prometheus_*.deb
)
chmod 755 "$fresh"
rm -rf $out
mv "$fresh" $out
$out/usr/bin/promtool --version | head -1
