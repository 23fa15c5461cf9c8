package docstest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// page has code fences as ”' here.
const page = `# Page

'''console
program up \
  --now      # until Ctrl-C
# only a comment
cat > file <<END
a: b # kept
END
'''

It prints:

'''
done
'''

'''yaml
a: b
'''

'''console
program down
'''

## Another section

'''
not what it prints
'''
`

func write(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(page, "'''", "```")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestBlocks(t *testing.T) {
	file := write(t)
	blocks := Blocks(t, file, "console")
	if len(blocks) != 2 || blocks[0].Output != "done\n" || blocks[1].Output != "" {
		t.Fatalf("blocks %+v", blocks)
	}
	want := []string{"program up --now", "cat > file <<END\na: b # kept\nEND\n"}
	if diff := cmp.Diff(want, blocks[0].Commands()); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	if got := Quoted(t, file, "yaml", "a:"); got != "a: b\n" {
		t.Errorf("quoted %q", got)
	}
	if all := Blocks(t, file, ""); len(all) != 5 {
		t.Errorf("there are %d blocks, want 5", len(all))
	}
}

func TestShellKeepsWhatIsExported(t *testing.T) {
	s := &Shell{Dir: t.TempDir(), Environ: os.Environ()}
	for _, tt := range []struct{ command, want string }{
		{"export GREETING=hello", ""},
		{"echo $GREETING", "hello\n"},
		{"sleep 60 >/dev/null 2>&1 &", ""},
		{"cat > file <<END\nwritten\nEND\n", ""},
		{"cat file", "written\n"},
	} {
		if got, err := s.Run(t, tt.command); err != nil || got != tt.want {
			t.Errorf("%s: %q, error %v, want %q", tt.command, got, err, tt.want)
		}
	}
	if _, err := s.Run(t, "false | cat"); err == nil {
		t.Error("a command of a pipe fails, and the pipe does not")
	}
}
