#!/usr/bin/env bash
# Makes the README's pictures, docs/pictures/*.png, of the report of `make demo`: one figure of a
# page each, as Chromium shows it. Usage: hack/pictures.sh REPORT
set -euo pipefail
report=$(realpath "$1")
cd "$(dirname "$0")/.."
hack/chromium.sh
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p docs/pictures

# picture PAGE SECTION FIGURE WIDTHxHEIGHT NAME: everything else of the page is hidden.
picture() {
	local hide="header,nav,.headlines,main>:not(#$2),h2,.prose,.command,section>:not(.charts),figure:not(:nth-of-type($3)),details{display:none!important}body,main,section,.charts{display:block!important;margin:0!important;padding:0!important}.charts{padding:12px!important}"
	# The page's policy allows no style but its own.
	sed -e '/http-equiv="Content-Security-Policy"/d' -e "s|</head>|<style>$hide</style></head>|" "$report/$1" >"$work/$5.html"
	"$browser" --headless --no-sandbox --hide-scrollbars --user-data-dir="$work/profile" --window-size="${4/x/,}" \
		--screenshot="$PWD/docs/pictures/$5.png" "file://$work/$5.html" 2>/dev/null
}
picture index.html s-packing-the-same-workloads-without-stowage-and-with-it 1 1000x360 packing
picture stowage-chaos-zone.html s-when 1 1000x370 chaos
ls -l docs/pictures
