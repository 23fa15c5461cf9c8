package field

import (
	"fmt"
	"regexp"

	"k8s.io/apimachinery/pkg/util/intstr"
)

// Share is a flag for a part of several: a number, or a percentage.
type Share struct {
	// Value is nil where it is not given.
	Value *intstr.IntOrString
	// Least is the least number and percentage that it takes, 0 or 1.
	Least int
	given bool
}

var percentage = regexp.MustCompile(`^(0|[1-9][0-9]?|100)%$`)

// CheckShare says what is wrong with a number or a percentage that is to be no less than
// the least, 0 or 1.
func CheckShare(share intstr.IntOrString, least int) error {
	switch {
	case share.Type == intstr.Int && share.IntValue() < least:
		return fmt.Errorf("must be %d or more, or a percentage", least)
	case share.Type == intstr.String && (!percentage.MatchString(share.StrVal) || least > 0 && share.StrVal == "0%"):
		return fmt.Errorf(`must be a whole number or a percentage from "%d%%" to "100%%", not %q`, least, share.StrVal)
	}
	return nil
}

// Demanded returns how many of so many pods are demanded: percentages are rounded up, and
// no more than all are demanded.
func Demanded(share intstr.IntOrString, of int) (int, error) {
	n, err := intstr.GetScaledValueFromIntOrPercent(&share, of, true)
	return min(n, of), err
}

// String returns the value; Set and Type, too, make it the value of a flag.
func (s *Share) String() string {
	if s.Value == nil {
		return ""
	}
	return s.Value.String()
}

// Set sets the value, once.
func (s *Share) Set(text string) error {
	if s.given {
		return errTwice
	}
	value := intstr.Parse(text)
	s.given, s.Value = true, &value
	return CheckShare(value, s.Least)
}

// Type names the type in a flag's usage.
func (s *Share) Type() string { return "number" }
