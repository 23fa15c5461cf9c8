package realnode

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckNamesAllThatIsMissing says in one line what to do, and what to install.
func TestCheckNamesAllThatIsMissing(t *testing.T) {
	bin, cni := t.TempDir(), t.TempDir()
	t.Setenv("PATH", bin)
	was := pluginFolders
	pluginFolders = []string{cni}
	t.Cleanup(func() { pluginFolders = was })
	for _, file := range []string{filepath.Join(bin, "runc"), filepath.Join(cni, "bridge")} {
		if err := os.WriteFile(file, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	err := Check()
	if err == nil {
		t.Fatal("nothing is missing")
	}
	said := err.Error()
	for _, want := range []string{"containerd, containerd-shim-runc-v2, ctr,", "the CNI plugins bridge, host-local, loopback", "apt-get install"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in: %s", want, said)
		}
	}
	if strings.Contains(said, "\n") || strings.Contains(said, "ctr, runc") {
		t.Errorf("not what is missing in one line: %s", said)
	}
}
