package exit

import (
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
