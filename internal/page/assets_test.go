package page

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestLibraryIsTheOneThatWasBuilt checks that the asset is what hack/charts.sh has built from
// the versions that are pinned, and that it can stand in a page.
func TestLibraryIsTheOneThatWasBuilt(t *testing.T) {
	recorded, err := os.ReadFile("assets/echarts.js.sha256")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(library))
	if got := hex.EncodeToString(sum[:]); got != strings.Fields(string(recorded))[0] {
		t.Errorf("assets/echarts.js has the hash %s, and %s is recorded: run hack/charts.sh", got, recorded)
	}
	var pinned struct{ Dependencies map[string]string }
	text, err := os.ReadFile("charts/package.json")
	if err == nil {
		err = json.Unmarshal(text, &pinned)
	}
	if err != nil {
		t.Fatal(err)
	}
	if banner := "Apache ECharts " + pinned.Dependencies["echarts"] + ","; !strings.Contains(library[:200], banner) {
		t.Errorf("assets/echarts.js is not of %q: run hack/charts.sh", banner)
	}
	for name, s := range map[string]string{"assets/echarts.js": library, "page.js": script} {
		if i := strings.Index(strings.ToLower(s), "</script"); i >= 0 || strings.Contains(s, "<!--") {
			t.Errorf("%s would end the script that it stands in", name)
		}
	}
	for _, file := range []string{"LICENSE.echarts", "NOTICE.echarts", "LICENSE.zrender", "LICENSE.d3", "LICENSE.tslib"} {
		if _, err := os.Stat("assets/" + file); err != nil {
			t.Error(err)
		}
	}
	if size := len(library); size > 600_000 {
		t.Errorf("assets/echarts.js has %d bytes, which every page has", size)
	}
}
