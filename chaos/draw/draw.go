// Package draw provides the random numbers of chaos. A draw depends only on the seed and on its
// purpose: not on the order of draws, and not on the other candidates.
package draw

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
)

// Seed is the seed of all draws of a run.
type Seed uint64

// NewSeed returns a random seed.
func NewSeed() Seed { return Seed(rand.Uint64()) }

// ParseSeed parses the output of String, or any Go integer literal.
func ParseSeed(text string) (Seed, error) {
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		return 0, fmt.Errorf("a seed is a whole number from 0 to 2^64-1, not %q", text)
	}
	return Seed(n), nil
}

// String formats the seed for ParseSeed.
func (s Seed) String() string { return fmt.Sprintf("%#x", uint64(s)) }

// MarshalText formats the seed like String. As a JSON number it would lose digits in most
// parsers.
func (s Seed) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a seed as ParseSeed does.
func (s *Seed) UnmarshalText(text []byte) error {
	seed, err := ParseSeed(string(text))
	*s = seed
	return err
}

// For returns the seed for a part of the run, such as a tick or a workload.
func (s Seed) For(what ...string) Seed {
	h := sha256.New()
	var number [8]byte
	binary.LittleEndian.PutUint64(number[:], uint64(s))
	h.Write(number[:])
	for _, part := range what {
		binary.LittleEndian.PutUint64(number[:], uint64(len(part)))
		h.Write(number[:])
		h.Write([]byte(part))
	}
	return Seed(binary.LittleEndian.Uint64(h.Sum(nil)))
}

// Rand returns a generator that starts from the seed.
func (s Seed) Rand() *rand.Rand { return rand.New(rand.NewPCG(uint64(s), 0)) }

// Sort sorts the items in a random order, by the seeds of their keys. The relative order of two
// items does not change when others are added or removed, so the first n are a sample without
// replacement that changes as little as possible. Keys must be unique.
func Sort[T any](s Seed, items []T, key func(T) string) {
	type drawn struct {
		item T
		key  string
		lot  Seed
	}
	lots := make([]drawn, len(items))
	for i, item := range items {
		k := key(item)
		lots[i] = drawn{item, k, s.For(k)}
	}
	slices.SortFunc(lots, func(a, b drawn) int {
		switch {
		case a.lot < b.lot:
			return -1
		case a.lot > b.lot:
			return 1
		case a.key < b.key:
			return -1
		case a.key > b.key:
			return 1
		}
		return 0
	})
	for i, d := range lots {
		items[i] = d.item
	}
}
