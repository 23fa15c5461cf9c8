package realtest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stowage-k8s/stowage/internal/playground"
)

// TestRefused asks for real nodes where they cannot run: that is said in one line, with what
// to do, and nothing is left of the attempt.
func TestRefused(t *testing.T) {
	const nobody = 65534
	tests := []struct {
		name string
		uid  uint32
		path string
		want []string
	}{
		{name: "without root", uid: nobody, path: os.Getenv("PATH"), want: []string{"root is required: run this command with sudo"}},
		{name: "without containerd", path: "/nowhere", want: []string{"not installed: containerd, containerd-shim-runc-v2, ctr, runc", "apt-get install"}},
		{name: "without either", uid: nobody, path: "/nowhere", want: []string{"root is required: run this command with sudo", "not installed: containerd"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// The program is where anybody may run it.
			dir, err := os.MkdirTemp("", "refused")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			binary, err := playground.FindBinary(playground.BinaryName)
			if err == nil {
				err = os.Chmod(dir, 0o777)
			}
			if err != nil {
				t.Fatal(err)
			}
			program := filepath.Join(dir, playground.BinaryName)
			if out, err := exec.Command("cp", binary, program).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			tmp := filepath.Join(dir, "tmp")
			if err := errors.Join(os.Mkdir(tmp, 0o700), os.Chown(tmp, int(tt.uid), int(tt.uid))); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(program, "up", "--real-nodes=1", "--nodes=1")
			cmd.Env = []string{"PATH=" + tt.path, "TMPDIR=" + tmp, "HOME=" + tmp}
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: tt.uid, Gid: tt.uid}}
			out, err := cmd.CombinedOutput()
			if err == nil || strings.Count(string(out), "\n") != 1 {
				t.Errorf("%v, want one line: %s", err, out)
			}
			for _, want := range tt.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("it does not say %q: %s", want, out)
				}
			}
			if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
				t.Errorf("it has left %v (%v)", left, err)
			}
		})
	}
}
