// Package field contains the types of options that come from flags and scenarios. Empty values,
// such as an empty shell variable or a YAML key without a value, are distinguished from missing
// ones: a mistake must not mean that there is no restriction.
package field

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Text is a text. "" means that it is not set. A text that is set but empty is blank, and its
// Check returns an error.
type Text string

const blank Text = " "

var (
	errEmpty = errors.New("is empty: omit it, or set a value")
	// In YAML, !production is a tag without a value.
	errBlank = fmt.Errorf("%w; in YAML, a value that starts with ! needs quotes", errEmpty)
)

// Check returns an error if the text is set but empty.
func (t Text) Check() error {
	if t != "" && strings.TrimSpace(string(t)) == "" {
		return errBlank
	}
	return nil
}

// Items returns the items of a comma-separated list without surrounding spaces; nil if the text
// is not set. An empty item is an error.
func (t Text) Items() ([]string, error) {
	if t == "" {
		return nil, nil
	}
	if err := t.Check(); err != nil {
		return nil, err
	}
	if strings.Trim(string(t), ", \t\r\n") == "" {
		return nil, errEmpty
	}
	items := strings.Split(string(t), ",")
	for i, item := range items {
		items[i] = strings.TrimSpace(item)
		if items[i] == "" {
			return nil, fmt.Errorf("%q has an extra comma: item %d is empty", string(t), i+1)
		}
	}
	return items, nil
}

// UnmarshalJSON accepts a text. null and "" mean blank.
func (t *Text) UnmarshalJSON(data []byte) error {
	var s *string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	*t = blank
	if s != nil && *s != "" {
		*t = Text(*s)
	}
	return nil
}

// String returns the text; Set and Type, too, make it the value of a flag.
func (t *Text) String() string { return string(*t) }

// Set sets the text, once.
func (t *Text) Set(s string) error {
	if *t != "" {
		return errTwice
	}
	*t = Text(s)
	if strings.TrimSpace(s) == "" {
		*t = blank
		return errEmpty
	}
	return nil
}

// Type names the type in a flag's usage.
func (t *Text) Type() string { return "string" }

var errTwice = errors.New("is given twice")

// List is a list of texts. nil means that it is not set.
type List []string

// Check returns an error if the list or an item is empty, or if an item is listed twice.
func (l List) Check() error {
	if l != nil && len(l) == 0 {
		return errEmpty
	}
	seen := map[string]bool{}
	for i, item := range l {
		switch {
		case strings.TrimSpace(item) == "":
			return fmt.Errorf("item %d is empty", i+1)
		case seen[item]:
			return fmt.Errorf("%q is listed twice", item)
		}
		seen[item] = true
	}
	return nil
}

// UnmarshalJSON accepts a list. null means an empty one.
func (l *List) UnmarshalJSON(data []byte) error {
	items := []string{}
	if err := json.Unmarshal(data, &items); err != nil {
		return err
	}
	*l = append(List{}, items...)
	return nil
}

// Wanted implements strict.Wanter.
func (l *List) Wanted() string { return "a list such as [a, b]" }

// String returns the items; Set and Type, too, make it the value of a flag.
func (l *List) String() string { return strings.Join(*l, ",") }

// Set adds one item, or several with commas between them.
func (l *List) Set(s string) error {
	if strings.TrimSpace(s) == "" {
		return errEmpty
	}
	items, err := Text(s).Items()
	*l = append(*l, items...)
	return err
}

// Type names the type in a flag's usage.
func (l *List) Type() string { return "strings" }

// Number is a whole number, 1 or more. 0 means that it is not set.
type Number int

// Check returns an error if the number is less than 1 or more than the maximum.
func (n Number) Check(most int) error {
	switch {
	case n == 0 || 1 <= n && int(n) <= most:
		return nil
	case n < 0:
		return errNumber
	}
	return fmt.Errorf("is %d: it must be a whole number from 1 to %d", n, most)
}

var errNumber = errors.New("must be a whole number, 1 or more")

// UnmarshalJSON accepts a number. null and 0 mean a number that Check refuses.
func (n *Number) UnmarshalJSON(data []byte) error {
	var i *int
	if err := json.Unmarshal(data, &i); err != nil {
		return err
	}
	*n = -1
	if i != nil && *i != 0 {
		*n = Number(*i)
	}
	return nil
}

// String returns the number; Set and Type, too, make it the value of a flag.
func (n *Number) String() string {
	if *n == 0 {
		return ""
	}
	return strconv.Itoa(int(*n))
}

// Set sets the number, once.
func (n *Number) Set(s string) error {
	if *n != 0 {
		return errTwice
	}
	i, err := strconv.Atoi(s)
	if err != nil || i < 1 {
		return errNumber
	}
	*n = Number(i)
	return nil
}

// Type names the type in a flag's usage.
func (n *Number) Type() string { return "int" }

// Bool is Yes or No. "" means that it is not set.
type Bool string

// The values of a Bool that is given.
const (
	Yes Bool = "true"
	No  Bool = "false"
)

// Check says that the value is neither.
func (b Bool) Check() error {
	if b != "" && b != Yes && b != No {
		return errors.New("must be true or false")
	}
	return nil
}

// MarshalJSON writes a JSON boolean.
func (b Bool) MarshalJSON() ([]byte, error) {
	if b == "" {
		return []byte("null"), nil
	}
	return []byte(b), b.Check()
}

// UnmarshalJSON takes a JSON boolean, and null for one that Check refuses.
func (b *Bool) UnmarshalJSON(data []byte) error {
	var is *bool
	if err := json.Unmarshal(data, &is); err != nil {
		return err
	}
	*b = Bool(blank)
	if is != nil {
		*b = Bool(strconv.FormatBool(*is))
	}
	return nil
}

// String returns true or false; Set and Type, too, make it the value of a flag.
func (b *Bool) String() string { return string(*b) }

// Set sets the value, once.
func (b *Bool) Set(s string) error {
	if *b != "" {
		return errTwice
	}
	*b = Bool(s)
	if s == "" {
		*b = Bool(blank)
	}
	return b.Check()
}

// Type names the type in a flag's usage.
func (b *Bool) Type() string { return "bool" }

// Wanted implements strict.Wanter.
func (b *Bool) Wanted() string { return "true or false" }
