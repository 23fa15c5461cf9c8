package page

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// Number writes a value as pages have it: with up to three significant digits, or all of
// those before the point, with commas.
func Number(v float64) string {
	if !finite(v) {
		return missing
	}
	digits := 0
	if size := math.Abs(v); size > 0 && size < 100 && v != math.Trunc(v) {
		digits = min(6, 2-int(math.Floor(math.Log10(size))))
	}
	text := strconv.FormatFloat(v, 'f', digits, 64)
	whole, fraction, _ := strings.Cut(text, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction = strings.TrimRight(fraction, "0"); fraction != "" {
		whole += "." + fraction
	}
	return sign + whole
}

// missing stands for a value that there is not.
const missing = "-"

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// number is a value in JSON: null where there is none.
type number float64

// MarshalJSON writes what JSON has no numbers for as null.
func (n number) MarshalJSON() ([]byte, error) {
	if !finite(float64(n)) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// text returns the value as it is shown.
func (v Value) text() string { return Number(v.Value) }

// span returns between what it varied, "" where it did not as far as one can see.
func (v Value) span() string {
	low, high := Number(v.Min), Number(v.Max)
	if low == high || low == missing || high == missing {
		return ""
	}
	return low + "–" + high
}

// withUnit returns a name with its unit, for headers and axes.
func withUnit(name, unit string) string {
	if unit == "" {
		return name
	}
	return name + ", " + unit
}

// withUnitBehind returns a value with its unit.
func withUnitBehind(v float64, unit string) string {
	if unit == "" {
		return Number(v)
	}
	return Number(v) + " " + unit
}

func cleaned(list []string) []string {
	all := make([]string, len(list))
	for i, s := range list {
		all[i] = clean(s)
	}
	return all
}
