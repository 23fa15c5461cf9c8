// Package spelling says how far apart words are.
package spelling

// Edits returns how many characters have to be inserted, left out or replaced to turn
// one text into the other (Levenshtein's distance). It takes time in proportion to the
// product of their lengths.
func Edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
