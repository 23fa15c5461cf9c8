package spelling

import (
	"fmt"
	"strings"
)

// maxWord is the longest word worth comparing, and minPart the shortest that may be a part
// of another.
const (
	maxWord = 100
	minPart = 8
)

// Nearest returns the word that a misspelled one may stand for, whatever their case;
// nothing where none is near.
func Nearest(word string, known []string) string {
	if len(word) > maxWord {
		return ""
	}
	best, slips := "", 0
	for _, candidate := range known {
		n := Edits(strings.ToLower(word), strings.ToLower(candidate))
		near := n <= 1+len(candidate)/5
		// Half a name, such as TopologySpreadConstraint, is far off by edits.
		part := len(word) >= minPart && strings.Contains(strings.ToLower(candidate), strings.ToLower(word))
		if (near || part) && (best == "" || n < slips) {
			best, slips = candidate, n
		}
	}
	return best
}

// DidYouMean returns a remark on what a misspelled word may stand for, to end a message
// with, or nothing.
func DidYouMean(word string, known []string) string {
	if best := Nearest(word, known); best != "" {
		return fmt.Sprintf(" (did you mean %q?)", best)
	}
	return ""
}
