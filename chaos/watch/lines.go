package watch

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/stowage-k8s/stowage/chaos/survive"
)

// Change is a loss whose answer has changed, as programs read it.
type Change struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Time       time.Time `json:"time"`
	// Verdict is what the answer is now, and Was what it was before, if there was one.
	Verdict  Verdict            `json:"verdict"`
	Was      Verdict            `json:"was,omitempty"`
	Loss     survive.Loss       `json:"loss"`
	Failures []*survive.Failure `json:"failures,omitempty"`
}

// Verdict is an answer in a word.
type Verdict string

// The verdicts. The nodes of a loss may be no more.
const (
	Survived    Verdict = "survived"
	NotSurvived Verdict = "not survived"
	Unknown     Verdict = "unknown"
	Gone        Verdict = "gone"
)

func verdictOf(is *survive.Tracked) Verdict {
	switch {
	case is == nil:
		return Gone
	case is.Survived():
		return Survived
	case is.Unknown():
		return Unknown
	}
	return NotSurvived
}

// Out is where changes are told.
type Out interface {
	// first tells all answers, and turn one that has become another.
	first(answers []*survive.Tracked, at time.Time) error
	turn(turn survive.Turn, at time.Time) error
}

// JSON returns an Out that writes one object per line.
func JSON(w io.Writer) Out { return &lines{json.NewEncoder(w)} }

type lines struct{ *json.Encoder }

func (l *lines) first(answers []*survive.Tracked, at time.Time) error {
	for _, is := range answers {
		if err := l.turn(survive.Turn{Is: is}, at); err != nil {
			return err
		}
	}
	return nil
}

func (l *lines) turn(turn survive.Turn, at time.Time) error {
	c := Change{APIVersion: survive.APIVersion, Kind: "SurvivalChange", Time: at, Verdict: verdictOf(turn.Is)}
	if turn.Was != nil {
		c.Was, c.Loss = verdictOf(turn.Was), turn.Was.Loss
	}
	if turn.Is != nil {
		c.Loss, c.Failures = turn.Is.Loss, turn.Is.Failures
	}
	return l.Encode(c)
}

// Text returns an Out that writes for people.
func Text(w io.Writer) Out { return &text{w} }

type text struct{ io.Writer }

func (t *text) first(answers []*survive.Tracked, at time.Time) error {
	now := &survive.Answer{}
	for _, is := range answers {
		now.Losses = append(now.Losses, is.Result)
		if is.Survived() {
			now.SurvivedNow++
		}
	}
	if err := survive.Write(t, now, false); err != nil {
		return err
	}
	_, err := fmt.Fprintf(t, "\n%s watching for changes\n", at.Format(time.TimeOnly))
	return err
}

func (t *text) turn(turn survive.Turn, at time.Time) error {
	said := line(turn)
	if said == "" {
		return nil
	}
	_, err := fmt.Fprintln(t, at.Format(time.TimeOnly), said)
	return err
}

// line says in a sentence what has changed; nothing if nobody needs to know.
func line(turn survive.Turn) string {
	was, is := verdictOf(turn.Was), verdictOf(turn.Is)
	if is == Gone {
		if was == Survived {
			return ""
		}
		return turn.Was.String() + " is no longer predicted: its nodes are gone, not ready or being drained"
	}
	loss, why := turn.Is.String(), because(turn.Is)
	switch {
	case is == Survived && turn.Was == nil:
		return ""
	case is == Survived:
		return loss + " can be lost again"
	case is == Unknown:
		return loss + ": unknown whether it can be lost: " + why
	case was == NotSurvived:
		return loss + " still cannot be lost: " + why
	case turn.Was == nil:
		return loss + " cannot be lost: " + why
	}
	return loss + " can no longer be lost: " + why
}

// mostReasons is how many workloads a line names.
const mostReasons = 3

// because says which workloads do not survive, and why.
func because(is *survive.Tracked) string {
	var reasons []string
	for i, f := range is.Failures {
		if i == mostReasons {
			reasons = append(reasons, fmt.Sprintf("and %d more workloads", len(is.Failures)-i))
			break
		}
		reasons = append(reasons, f.Workload+": "+strings.Join(f.Why, ", "))
	}
	return strings.Join(reasons, "; ")
}
