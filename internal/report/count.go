package report

import (
	"fmt"
	"slices"
	"strings"
)

// Count writes a number and a noun whose plural takes an s: "1 pod", "2 pods".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// FirstOf returns the first of many texts, and how many more there are as the last one.
func FirstOf(texts []string, most int) []string {
	if more := len(texts) - most; more > 0 {
		return append(slices.Clone(texts[:most]), fmt.Sprintf("and %d more", more))
	}
	return texts
}

// Names joins names: "a, b and 2 more" if there are more than that many.
func Names(names []string, most int) string {
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}
