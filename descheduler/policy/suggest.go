package policy

import (
	"fmt"
	"strings"

	"github.com/stowage-k8s/stowage/internal/spelling"
)

// didYouMean returns a remark on what a misspelled word may stand for, or nothing.
func didYouMean(word string, known []string) string {
	if len(word) > maxWord {
		return ""
	}
	best, slips := "", 0
	for _, candidate := range known {
		n := spelling.Edits(strings.ToLower(word), strings.ToLower(candidate))
		near := n <= 1+len(candidate)/5
		// Half a name, such as TopologySpreadConstraint, is far off by edits.
		part := len(word) >= 8 && strings.Contains(strings.ToLower(candidate), strings.ToLower(word))
		if (near || part) && (best == "" || n < slips) {
			best, slips = candidate, n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// maxWord is the longest word worth comparing.
const maxWord = 100
