package field

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/stowage-k8s/stowage/internal/strict"
)

// Error is an error in a field.
type Error struct {
	// Field is its name or path in a scenario, such as excludedWeekdays.
	Field string
	// Flag is the name of the flag, if it is not the name of the field with dashes.
	Flag string
	Err  error
}

func (e *Error) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap returns the underlying error.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an Error with a message.
func Errorf(field, format string, args ...any) error {
	return &Error{Field: field, Err: fmt.Errorf(format, args...)}
}

// AsFlags returns the error, or the joined errors, with names of flags instead of fields:
// --excluded-weekdays for excludedWeekdays.
func AsFlags(err error) error {
	return each(err, func(e *Error) error {
		flag := e.Flag
		if flag == "" {
			flag = Flag(e.Field)
		}
		return fmt.Errorf("--%s: %w", flag, e.Err)
	})
}

// each replaces the Errors, and the mistakes of a reader in fields, that are not wrapped in
// anything but a join.
func each(err error, replace func(*Error) error) error {
	switch e := err.(type) {
	case *Error:
		return replace(e)
	case strict.Errors:
		var all []error
		for _, one := range e {
			all = append(all, each(mistake(one), replace))
		}
		return errors.Join(all...)
	case interface{ Unwrap() []error }:
		var all []error
		for _, one := range e.Unwrap() {
			all = append(all, each(one, replace))
		}
		return errors.Join(all...)
	}
	return err
}

// mistake returns what a reader says as an Error, where it is about a field.
func mistake(e strict.Error) error {
	if e.Path == "" {
		return e
	}
	return &Error{Field: e.Path, Err: errors.New(e.Message)}
}

// Flag converts the name of a field to that of its flag, such as excluded-weekdays.
func Flag(field string) string {
	var b strings.Builder
	for _, r := range field {
		if unicode.IsUpper(r) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
