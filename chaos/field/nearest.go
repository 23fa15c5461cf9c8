package field

import (
	"fmt"
	"strings"

	"github.com/stowage-k8s/stowage/internal/spelling"
)

// maxWord is the longest word worth comparing.
const maxWord = 100

// Nearest returns the word that a misspelled one may stand for, whatever their case;
// nothing where none is near.
func Nearest(word string, known []string) string {
	if len(word) > maxWord {
		return ""
	}
	best, slips := "", 0
	for _, candidate := range known {
		limit := 1 + len(candidate)/5
		if longer := len(candidate) - len(word); longer > limit || -longer > limit {
			continue
		}
		n := spelling.Edits(strings.ToLower(word), strings.ToLower(candidate))
		if n <= limit && (best == "" || n < slips) {
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
