// Package draw gives the random numbers of chaos. What is drawn depends on the seed and
// on what it is drawn for, and on nothing else: not on the order of questions, and not on
// what else there is to choose from.
package draw

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
)

// Seed is where all draws of a run come from.
type Seed uint64

// NewSeed returns a seed that nobody can foresee.
func NewSeed() Seed { return Seed(rand.Uint64()) }

// ParseSeed reads a seed as String writes it, or as any Go integer literal.
func ParseSeed(text string) (Seed, error) {
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		return 0, fmt.Errorf("a seed is a whole number from 0 to 2^64-1, not %q", text)
	}
	return Seed(n), nil
}

// String returns the seed as ParseSeed reads it.
func (s Seed) String() string { return fmt.Sprintf("%#x", uint64(s)) }

// MarshalText writes the seed as String does: as a number in JSON it would lose digits in
// most readers.
func (s Seed) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a seed as ParseSeed does.
func (s *Seed) UnmarshalText(text []byte) error {
	seed, err := ParseSeed(string(text))
	*s = seed
	return err
}

// For returns the seed of a part of the run: of a tick, of a workload.
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

// Sort puts the items in a random order: that of the seeds for their keys. Each item's
// place among any others stays the same when some come or go, so the first n are a sample
// without replacement that changes as little as the items do. Keys must differ.
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
