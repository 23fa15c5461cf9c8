#!/usr/bin/env bash
# Builds what pages draw charts with, internal/page/assets/echarts.js, from the versions
# that internal/page/charts/package-lock.json pins: npm checks each package against the
# hash that is there. The result is committed; the licences and its own hash go beside it.
# It needs npm, of Node.js 18 or later. Usage: hack/charts.sh
set -euo pipefail
cd "$(dirname "$0")/../internal/page"
if ! command -v npm >/dev/null; then
	echo "hack/charts.sh needs npm: install Node.js 18 or later" >&2
	exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp charts/* "$work"
# esbuild is a program for this platform, which comes as a package without scripts.
npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error

modules=$work/node_modules
version() { npm pkg get version --prefix "$modules/$1" | tr -d '"'; }
banner="/* Apache ECharts $(version echarts), Apache License 2.0, Copyright The Apache Software Foundation;
zrender $(version zrender), BSD-3-Clause, Copyright Baidu Inc.; d3, BSD-3-Clause, Copyright Mike Bostock;
tslib $(version tslib), 0BSD, Copyright Microsoft Corporation. */"
"$modules"/@esbuild/*/bin/esbuild "$work/charts.mjs" --bundle --minify --target=es2020 \
	--format=iife --global-name=charts --legal-comments=none "--banner:js=$banner" \
	--define:process.env.NODE_ENV='"production"' --log-level=warning --outfile=assets/echarts.js

cp "$modules/echarts/LICENSE" assets/LICENSE.echarts
cp "$modules/echarts/NOTICE" assets/NOTICE.echarts
cp "$modules/echarts/licenses/LICENSE-d3" assets/LICENSE.d3
cp "$modules/zrender/LICENSE" assets/LICENSE.zrender
cp "$modules/tslib/LICENSE.txt" assets/LICENSE.tslib
(cd assets && sha256sum echarts.js >echarts.js.sha256)
du -h assets/echarts.js
