package tui

import (
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
)

func TestClip(t *testing.T) {
	for _, tt := range []struct {
		text  string
		width int
		want  string
	}{
		{"web-5d8f-abcde", 14, "web-5d8f-abcde"},
		{"web-5d8f-abcde", 9, "web-…bcde"},
		{"web-5d8f-abcde", 2, "w…"},
		{"web-5d8f-abcde", 1, "w"},
		{"web", 0, ""},
		{"a\nb\x1b[31m", 9, "a b [31m"},
		{"集群集群集群", 7, "集…集群"},
		{"集群集群集群", 8, "集群…集"},
	} {
		got := clip(tt.text, tt.width)
		if got != tt.want || ansi.StringWidth(got) > tt.width {
			t.Errorf("clip(%q, %d) = %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}

func TestSparkIsFullOnlyForAllAndEmptyOnlyForNothing(t *testing.T) {
	for whole := 1; whole < 200; whole++ {
		last := rune(0)
		for part := 0; part <= whole; part++ {
			c := spark(part, whole)
			if (c == '▁') != (part == 0) || (c == '█') != (part == whole) || c < last {
				t.Fatalf("spark(%d, %d) = %c after %c", part, whole, c, last)
			}
			last = c
		}
	}
}

func TestBarIsFullOnlyForAllAndEmptyOnlyForNothing(t *testing.T) {
	for whole := int64(1); whole < 50; whole++ {
		for part := int64(0); part <= whole+1; part++ {
			got := bar(part, whole, 5)
			if (got == "░░░░░") != (part == 0) || (got == "█████") != (part >= whole) {
				t.Fatalf("bar(%d, %d) = %s", part, whole, got)
			}
		}
	}
}

func TestSparklineShowsTheFewest(t *testing.T) {
	at := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
	dip := &track{before: 2, points: []point{{noon, 2}, {at(4), 0}, {at(5), 2}}}
	for _, tt := range []struct {
		now, width int
		want       string
	}{
		{12, 12, "████▁███████"},
		{12, 6, "██▁███"},
		{12, 1, "▁"},
		{4, 4, "███▁"},
	} {
		if got := dip.sparkline(at(tt.now), tt.width); got != tt.want {
			t.Errorf("after %d s in %d: %s, want %s", tt.now, tt.width, got, tt.want)
		}
	}
}

func TestATrackIsBackWhenAsManyAreReadyAsWereOrAreWanted(t *testing.T) {
	for _, tt := range []struct {
		name                   string
		before, desired, ready int
		short                  bool
	}{
		{"as many as before", 3, 3, 3, false},
		{"one fewer", 3, 3, 2, true},
		{"it was short before", 2, 3, 2, false},
		{"it was scaled down", 3, 1, 1, false},
		{"nobody knows how many are wanted", 3, -1, 2, true},
	} {
		track := &track{before: tt.before, desired: tt.desired, points: []point{{noon, tt.ready}}}
		if got := track.short(); got != tt.short {
			t.Errorf("%s: short %t", tt.name, got)
		}
	}
}
