package cluster

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// splitter splits a stream of JSON into Kubernetes objects, which may be consecutive or in
// lists. It only validates what it needs for that.
type splitter struct {
	in *bufio.Reader
	// unit and at are the position, from 1: a line, or a document of YAML, each of which was
	// converted to a line.
	unit string
	at   int
	// inList: within the items of a list, whose head contains the type that items of typed
	// lists (PodList) omit.
	inList bool
	head   metav1.TypeMeta
	// compact: after the header of a compact dump, which has one object per line.
	compact bool
}

// place is the position of an object in a batch and in the stream.
type place struct {
	start, end int
	unit       string
	at         int
	list       metav1.TypeMeta
	compact    bool
}

// errNoObject means that something else is in the place of an object.
var errNoObject = errors.New("no Kubernetes object")

func newSplitter(in *bufio.Reader, unit string) *splitter {
	return &splitter{in: in, unit: unit, at: 1}
}

// next appends the next object to the buffer, and returns its position. The error is io.EOF
// at the end of the stream.
func (s *splitter) next(buf []byte) ([]byte, place, error) {
	for {
		c, err := s.peek()
		switch {
		case err != nil && s.inList:
			return buf, place{}, s.errorf("the list has no end: %w", unexpected(err))
		case err != nil:
			return buf, place{}, err
		case s.inList && c == ',':
			s.skip()
		case s.inList && c == ']':
			s.skip()
			s.inList, s.head = false, metav1.TypeMeta{}
			if _, _, err := s.members(nil); err != nil {
				return buf, place{}, err
			}
		case c != '{':
			return buf, place{}, s.errorf("%w", errNoObject)
		default:
			p := place{start: len(buf), unit: s.unit, at: s.at, list: s.head, compact: s.compact}
			switch {
			case s.inList:
				buf, err = s.value(buf)
			case s.compact:
				buf, err = s.untilNewline(buf)
			default:
				if buf, err = s.object(buf); s.inList {
					continue
				}
			}
			p.end = len(buf)
			return buf, p, err
		}
	}
}

// object appends a top-level object, but enters a list.
func (s *splitter) object(buf []byte) ([]byte, error) {
	first := s.at == 1
	s.skip()
	whole, list, err := s.members(append(buf, '{'))
	if err != nil {
		return buf, err
	}
	if !list && !first {
		return whole, nil
	}
	apiVersion, kind := typeOf(whole[len(buf):])
	if list {
		s.inList, s.head = true, metav1.TypeMeta{APIVersion: apiVersion, Kind: kind}
		return buf, nil
	}
	s.compact = kind == header.Kind && apiVersion == header.GroupVersion().String()
	return whole, nil
}

// untilNewline appends the rest of the line.
func (s *splitter) untilNewline(buf []byte) ([]byte, error) {
	for {
		window, err := s.window()
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, s.errorf("%w", err)
		}
		end := bytes.IndexByte(window, '\n')
		if end >= 0 {
			window = window[:end]
		}
		buf = append(buf, window...)
		s.discard(window)
		if end >= 0 {
			return buf, nil
		}
	}
}

// members appends the members of an object up to its end, or up to the items of a list.
func (s *splitter) members(buf []byte) (all []byte, list bool, err error) {
	for {
		c, err := s.peek()
		switch {
		case err != nil:
			return buf, false, s.errorf("the object has no end: %w", unexpected(err))
		case c == '}':
			s.skip()
			return append(buf, c), false, nil
		case c == ',' || c == ':':
			s.skip()
			buf = append(buf, c)
			continue
		}
		key := len(buf)
		if buf, err = s.value(buf); err != nil {
			return buf, false, err
		}
		if string(buf[key:]) != `"items"` {
			continue
		}
		if c, err := s.peek(); err != nil || c != ':' {
			continue
		}
		s.skip()
		buf = append(buf, ':')
		if c, err := s.peek(); err == nil && c == '[' {
			s.skip()
			return buf, true, nil
		}
	}
}

// value appends the next value: up to the closing bracket, or the end of a string, a number
// or a word.
func (s *splitter) value(buf []byte) ([]byte, error) {
	depth, inString, escaped := 0, false, false
	for start := len(buf); ; {
		window, err := s.window()
		if err != nil {
			return buf, s.errorf("the object has no end: %w", unexpected(err))
		}
		for i, c := range window {
			end := -1
			switch {
			case escaped:
				escaped = false
			case inString && c == '\\':
				escaped = true
			case c == '"':
				if inString = !inString; !inString && depth == 0 {
					end = i + 1
				}
			case inString:
			case c == '{' || c == '[':
				depth++
			case (c == '}' || c == ']') && depth > 0:
				if depth--; depth == 0 {
					end = i + 1
				}
			case depth == 0 && (c == '}' || c == ']' || c == ',' || c == ':' || isSpace(c)):
				end = i
			}
			if end < 0 {
				continue
			}
			buf = append(buf, window[:end]...)
			s.discard(window[:end])
			if len(buf) == start {
				return buf, s.errorf("unexpected %q", c)
			}
			return buf, nil
		}
		buf = append(buf, window...)
		s.discard(window)
	}
}

// peek returns the next byte that is not white space.
func (s *splitter) peek() (byte, error) {
	for {
		window, err := s.window()
		if err != nil {
			return 0, err
		}
		for i, c := range window {
			if !isSpace(c) {
				s.discard(window[:i])
				return c, nil
			}
		}
		s.discard(window)
	}
}

// skip skips the byte that peek returned.
func (s *splitter) skip() { _, _ = s.in.Discard(1) }

// window returns the buffered part of the stream, which is at least one byte.
func (s *splitter) window() ([]byte, error) {
	if s.in.Buffered() == 0 {
		if _, err := s.in.Peek(1); err != nil {
			return nil, err
		}
	}
	return s.in.Peek(s.in.Buffered())
}

func (s *splitter) discard(read []byte) {
	s.at += bytes.Count(read, []byte{'\n'})
	_, _ = s.in.Discard(len(read))
}

func (s *splitter) errorf(format string, args ...any) error {
	return fmt.Errorf("%s %d: %w", s.unit, s.at, fmt.Errorf(format, args...))
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// typeOf returns the type of an object from its beginning, where kubectl and WriteDump write
// it.
func typeOf(raw []byte) (apiVersion, kind string) {
	in := json.NewDecoder(bytes.NewReader(raw))
	if _, err := in.Token(); err != nil {
		return "", ""
	}
	for apiVersion == "" || kind == "" {
		key, err := in.Token()
		if err != nil {
			return apiVersion, kind
		}
		var value any = &json.RawMessage{}
		switch key {
		case "apiVersion":
			value = &apiVersion
		case "kind":
			value = &kind
		}
		if err := in.Decode(value); err != nil {
			return apiVersion, kind
		}
	}
	return apiVersion, kind
}
