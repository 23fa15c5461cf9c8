package exit

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

func TestCode(t *testing.T) {
	cause := errors.New("cause")
	for _, tt := range []struct {
		name string
		err  error
		want int
	}{
		{"success", nil, 0},
		{"an error without a code", cause, 1},
		{"an error with a code", With(cause, 4), 4},
		{"a refusal", Refuse(cause), 4},
		{"one within another", fmt.Errorf("more: %w", With(cause, 3)), 3},
		{"no error has no code", With(nil, 3), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Code(tt.err); got != tt.want {
				t.Errorf("exit code %d, want %d", got, tt.want)
			}
		})
	}
	if err := With(cause, 2); !errors.Is(err, cause) || err.Error() != "cause" {
		t.Errorf("%v has lost its cause", err)
	}
}

func TestReport(t *testing.T) {
	for _, tt := range []struct {
		err  error
		code int
		want string
	}{
		{nil, 0, ""},
		{Refuse(errors.New("--seed: must be a number")), 4, "Error: --seed: must be a number\n"},
	} {
		var said bytes.Buffer
		if code := Report(&said, tt.err); code != tt.code || said.String() != tt.want {
			t.Errorf("%v: exit code %d and %q, want %d and %q", tt.err, code, said.String(), tt.code, tt.want)
		}
	}
}
