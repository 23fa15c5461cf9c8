#!/usr/bin/env bash
# Installs Chromium, which tests of pages need, where there is none: Debian's package, or
# Ubuntu's of the same name. Root does it, or whom sudo lets. Usage: hack/chromium.sh
set -euo pipefail
for program in chromium chromium-browser google-chrome; do
	if command -v "$program" >/dev/null; then
		exit 0
	fi
done
if ! command -v apt-get >/dev/null; then
	echo "there is no Chromium and no apt-get to install it with: install Chromium, or Google Chrome" >&2
	exit 1
fi
root=()
[ "$(id -u)" = 0 ] || root=(sudo)
echo "installing Chromium (a minute)"
"${root[@]}" apt-get update -qq
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null
chromium --version
