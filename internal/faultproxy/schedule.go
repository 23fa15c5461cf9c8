package faultproxy

import (
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Kind is a kind of fault.
type Kind string

// The faults of requests. In those named "after", the API server has carried out the request.
const (
	Delay        Kind = "delay"             // the request arrives late
	CutBefore    Kind = "cut before"        // the connection ends, and nothing was done
	CutAfter     Kind = "cut after"         // the connection ends in place of the answer
	Timeout      Kind = "504 after"         // 504 in place of the answer
	Throttled    Kind = "429"               // too many requests, without a time to come back
	ThrottledFor Kind = "429 with a time"   // too many requests, and a time to come back
	Conflict     Kind = "409"               // of a write, as if the object had changed
	Internal     Kind = "500"               // internal error
	Unavailable  Kind = "503"               // the API server is starting or overloaded
	Truncated    Kind = "truncated answer"  // the connection ends in the middle of the answer
	Garbled      Kind = "garbled answer"    // the answer cannot be decoded
	HangUp       Kind = "keep-alive closed" // the answer, and then the end of the connection
	Expired      Kind = "410"               // of a list or watch: its resource version was compacted
)

// The faults of a watch that has begun.
const (
	WatchCut    Kind = "watch cut"    // the stream ends after some events
	WatchLags   Kind = "watch lags"   // events arrive seconds late
	NoBookmarks Kind = "no bookmarks" // bookmarks are left out
)

// Forbidden is only injected where a test asks for it: at random, it would say that the program
// lacks a right.
const Forbidden Kind = "403"

// Kinds are the kinds of faults that a Schedule draws from.
var Kinds = []Kind{
	Delay, CutBefore, CutAfter, Timeout, Throttled, ThrottledFor, Conflict, Internal, Unavailable, Truncated, Garbled, HangUp, Expired,
	WatchCut, WatchLags, NoBookmarks,
}

// Faults decide which requests fail, and how.
type Faults interface {
	// Of returns the fault of a request, if it has one.
	Of(r Request) (Fault, bool)
}

// Func decides by a function. It is called for one request at a time.
type Func func(r Request) (Fault, bool)

// Of implements Faults.
func (f Func) Of(r Request) (Fault, bool) { return f(r) }

// Schedule decides which requests fail, and how. The same seed gives the same faults to the same
// requests, whatever comes in between: a request is known by its verb, its resource and how many
// of this kind came before it.
type Schedule struct {
	Seed uint64
	// Percent is how many of a hundred requests fail.
	Percent int
}

// Request is what a schedule knows of a request.
type Request struct {
	Method, Path string
	Watch        bool
	// Versioned reports that the request names a resource version from which to continue.
	Versioned bool
	// Number is how many requests of the same class came before.
	Number int
}

// Class returns the verb and the resource, without the names of objects.
func (r Request) Class() string {
	verb := r.Method
	if r.Watch {
		verb = "WATCH"
	}
	return verb + " " + resourceOf(r.Path)
}

// resourceOf returns the resource and subresource of an API path: "pods/eviction".
func resourceOf(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case len(parts) >= 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) >= 3 && parts[0] == "apis":
		parts = parts[3:]
	default:
		return path
	}
	if len(parts) >= 3 && parts[0] == "namespaces" {
		parts = parts[2:]
	}
	switch len(parts) {
	case 0:
		return path
	case 1, 2:
		return parts[0]
	}
	return parts[0] + "/" + parts[2]
}

// Fault is what happens to a request.
type Fault struct {
	Kind Kind
	// For is how long a delay or a lag is.
	For time.Duration
	// After is how many events a watch has before it is cut.
	After int
}

// Of implements Faults.
func (s Schedule) Of(r Request) (Fault, bool) {
	h := fnv.New64a()
	h.Write([]byte(r.Class()))
	var number [8]byte
	binary.LittleEndian.PutUint64(number[:], uint64(r.Number))
	h.Write(number[:])
	source := rand.New(rand.NewPCG(s.Seed, h.Sum64()))
	if source.IntN(100) >= s.Percent {
		return Fault{}, false
	}
	kinds := possible(r)
	f := Fault{Kind: kinds[source.IntN(len(kinds))]}
	switch f.Kind {
	case Delay:
		f.For = time.Duration(1+source.IntN(1500)) * time.Millisecond
	case WatchLags:
		f.For = time.Duration(500+source.IntN(2500)) * time.Millisecond
	case WatchCut:
		f.After = source.IntN(20)
	}
	return f, true
}

// possible returns the kinds of faults that a request can have.
func possible(r Request) []Kind {
	return slices.DeleteFunc(slices.Clone(Kinds), func(kind Kind) bool {
		switch kind {
		case WatchCut, WatchLags, NoBookmarks:
			return !r.Watch
		case Truncated, Garbled, HangUp, CutAfter, Timeout:
			return r.Watch // its answer has no end
		case Conflict:
			return r.Method != http.MethodPut && r.Method != http.MethodPatch
		case Expired:
			return r.Method != http.MethodGet || !r.Versioned
		}
		return false
	})
}
