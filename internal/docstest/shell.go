package docstest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Shell runs commands of pages in bash, one after the other. A command has what those before it
// have exported.
type Shell struct {
	// Dir is where commands run, and Environ their environment.
	Dir     string
	Environ []string
}

// Run runs a command and returns what it prints. A command that ends in & goes on until the end
// of the test.
func (s *Shell) Run(t testing.TB, command string) (string, error) {
	t.Helper()
	exported, background := filepath.Join(s.Dir, ".exported"), filepath.Join(s.Dir, ".background")
	script := "[ ! -e " + exported + " ] || . " + exported + "\n{\n" + command + "\n} || exit\nexport -p >" + exported
	if strings.HasSuffix(command, "&") {
		script += "\necho $! >" + background
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-uo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = s.Dir, s.Environ
	out, err := cmd.CombinedOutput()
	if err == nil && strings.HasSuffix(command, "&") {
		err = endWith(t, background)
	}
	return string(out), err
}

// endWith ends a process at the end of the test, and waits until it has ended: it could act on what
// comes afterwards.
func endWith(t testing.TB, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	t.Cleanup(func() {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		for alive := true; alive; time.Sleep(10 * time.Millisecond) {
			// Its parent, which may not be told for a while, has ended.
			_, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
			alive = err == nil
		}
	})
	return nil
}

// Checkout returns a folder with what a checkout has after `make build` and `make images`, in which
// commands may leave and change files. Of the images it has the version alone: fake nodes pull none.
func Checkout(t testing.TB, root string) string {
	t.Helper()
	root, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"bin", "cmd"} { // large, and commands only read them
		if err := os.Symlink(filepath.Join(root, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"charts", "config", "docs"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(root, name))); err != nil {
			t.Fatal(err)
		}
	}
	images := filepath.Join(dir, "out/images")
	if err := os.MkdirAll(images, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(images, "VERSION"), []byte("v0.1.0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
