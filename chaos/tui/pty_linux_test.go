package tui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo terminal of 80x24, with what was written to it.
type terminal struct {
	*testing.T
	mine, theirs *os.File
	mu           sync.Mutex
	written      strings.Builder
}

func newTerminal(t *testing.T) *terminal {
	mine, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	if err := unix.IoctlSetPointerInt(int(mine.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(mine.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(theirs.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	term := &terminal{T: t, mine: mine, theirs: theirs}
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := mine.Read(buffer)
			if err != nil {
				return
			}
			term.mu.Lock()
			term.written.Write(buffer[:n])
			term.mu.Unlock()
		}
	}()
	t.Cleanup(func() { theirs.Close(); mine.Close() })
	return term
}

func (term *terminal) all() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.written.String()
}

func (term *terminal) write(keys string) {
	if _, err := term.mine.WriteString(keys); err != nil {
		term.Fatal(err)
	}
}

// waits waits until the text is written after what has been so far.
func (term *terminal) waits(text string) {
	term.Helper()
	end := time.Now().Add(30 * time.Second)
	for !strings.Contains(term.all(), text) {
		if time.Now().After(end) {
			term.Fatalf("%q is never written:\n%q", text, term.all())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestOnATerminal(t *testing.T) {
	t.Setenv("TERM", "xterm-256color")
	t.Setenv("NO_COLOR", "1")
	term := newTerminal(t)
	s, a := newSource(small()), newActions()
	ended := make(chan error, 1)
	go func() {
		ended <- Run(t.Context(), Options{Source: s, Actions: a, In: term.theirs, Out: term.theirs, Title: "kind-test"})
	}()
	term.waits("default/gone")
	term.write("e")
	term.waits("Press enter to do it")
	term.write("\r")
	term.waits("In progress")
	s.change(small().without("api-5d8f-a"))
	term.waits("SHORT")
	term.write("a")
	term.waits("Aborted after")
	term.write("q")
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if said := a.said(); !strings.HasSuffix(said, "abort; restore") {
		t.Errorf("it was asked %q", said)
	}
	for _, colour := range []string{"\x1b[31", "\x1b[1;31", "38;5", "38;2"} {
		if strings.Contains(term.all(), colour) {
			t.Errorf("it writes the colour %q though NO_COLOR is set", colour)
		}
	}
	term.waits("\x1b[?1049l") // the terminal is given back
}

func TestTheContextEndsItOnATerminal(t *testing.T) {
	t.Setenv("TERM", "xterm-256color")
	t.Setenv("NO_COLOR", "")
	term := newTerminal(t)
	a := newActions()
	ctx, end := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, Options{Source: newSource(small()), Actions: a, In: term.theirs, Out: term.theirs, Title: "kind-test"})
	}()
	term.waits("\x1b[31;1m")
	term.write("e")
	term.waits("Press enter to do it")
	term.write("y")
	term.waits("In progress")
	cause := errors.New("told to stop")
	end(cause)
	if err := <-ended; !errors.Is(err, cause) {
		t.Errorf("error %v, want the context's cause", err)
	}
	if said := a.said(); !strings.Contains(said+";", "; restore;") {
		t.Errorf("it was asked %q", said)
	}
}
