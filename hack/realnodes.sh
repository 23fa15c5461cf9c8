#!/usr/bin/env bash
# Installs what real nodes, and the tests on them, need where it is missing and can be had:
# with root, from Debian's or Ubuntu's packages. Where real nodes cannot run, it says why and fails.
set -euo pipefail
packages=(containerd runc containernetworking-plugins iproute2)
if [ "$(uname -s)" != Linux ] || [ "$(id -u)" != 0 ]; then
	echo "real nodes need Linux and root" >&2
	exit 1
fi
missing=()
for package in "${packages[@]}"; do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
	if hash containerd runc tc 2>/dev/null && { [ -x /usr/lib/cni/bridge ] || [ -x /opt/cni/bin/bridge ]; }; then
		exit 0 # from somewhere else
	fi
	if ! command -v apt-get >/dev/null; then
		echo "real nodes need containerd, runc, the CNI plugins and tc, and there is no apt-get to install them with" >&2
		exit 1
	fi
	# Installed, containerd is started as a service where there is systemd: nodes have their own.
	{ apt-get install -y --no-install-recommends "${missing[@]}" || { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; }; } >/dev/null
fi
