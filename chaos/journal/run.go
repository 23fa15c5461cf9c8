package journal

import (
	"slices"
	"time"

	"github.com/stowage-k8s/stowage/chaos/assess"
)

// Entry is a record of a journal, with its time and the part of the run it belongs to.
type Entry[T any] struct {
	Time       time.Time
	Step, Tick int
	What       T
}

// All returns the contents of the entries. It is never nil.
func All[T any](entries []Entry[T]) []T {
	all := make([]T, len(entries))
	for i, e := range entries {
		all[i] = e.What
	}
	return all
}

// Run is a journal folded by kind of record. All lists are ordered by time.
type Run struct {
	Start Start
	// Began and Ended are the times of the first record and of the latest.
	Began, Ended time.Time

	Steps       []Entry[StepBegin]
	Choices     []Entry[Choice]
	Predictions []Entry[assess.Prediction]
	Answers     []Entry[Answer]
	// Unanswered are the requests without an answer: their pods may be gone.
	Unanswered []Entry[Request]
	// Open are the changes, one per object, that the journal does not show as restored. They may
	// not have been made, or may be gone. If a run ended well, none of them is left.
	Open []Entry[Change]
	// Restored are the changes that were restored.
	Restored  []Entry[Change]
	Lost      []Entry[Lost]
	Recovered []Entry[Recovered]
	Unneeded  []Entry[Unneeded]
	// Availability is by workload, and Budgets by namespace/name.
	Availability map[string][]Entry[Availability]
	Budgets      map[string][]Entry[Budget]
	Checks       []Entry[Check]
	Notes        []Entry[Note]
	// Upgrade is set for a run that replaces nodes, and Replaced are those that it has replaced. Replacing
	// are those that were to be upgraded in place, as they were right before.
	Upgrade   *Upgrade
	Replacing []Entry[Node]
	Replaced  []Entry[Replaced]
	// End is nil if the run crashed, or is still in progress.
	End *End
	// Truncated means that the last line was incomplete.
	Truncated bool
}

// NewRun folds the records of a journal.
func NewRun(contents *Contents) *Run {
	r := &Run{Availability: map[string][]Entry[Availability]{}, Budgets: map[string][]Entry[Budget]{}, Truncated: contents.Truncated}
	for i, record := range contents.Records {
		if i == 0 {
			r.Began = record.Time
		}
		if record.Time.After(r.Ended) {
			r.Ended = record.Time
		}
		r.add(record)
	}
	// What is held back by an observer is written later than it was seen.
	byTime(r.Lost)
	byTime(r.Recovered)
	for _, series := range r.Availability {
		byTime(series)
	}
	for _, series := range r.Budgets {
		byTime(series)
	}
	return r
}

// OpenRun reads a journal's file and folds it.
func OpenRun(path string) (*Run, error) {
	contents, err := ReadFile(path)
	if err != nil {
		return nil, err
	}
	return NewRun(contents), nil
}

func byTime[T any](list []Entry[T]) {
	slices.SortStableFunc(list, func(a, b Entry[T]) int { return a.Time.Compare(b.Time) })
}

func (r *Run) add(record Record) {
	switch {
	case record.Start != nil:
		r.Start = *record.Start
	case record.StepBegin != nil:
		r.Steps = append(r.Steps, entry(record, record.StepBegin))
	case record.Choice != nil:
		r.Choices = append(r.Choices, entry(record, record.Choice))
	case record.Prediction != nil:
		r.Predictions = append(r.Predictions, entry(record, record.Prediction))
	case record.Request != nil:
		r.Unanswered = append(r.Unanswered, entry(record, record.Request))
	case record.Answer != nil:
		r.Answers = append(r.Answers, entry(record, record.Answer))
		r.Unanswered = without(r.Unanswered, func(q Request) bool { return q.Victim.UID == record.Answer.Victim.UID })
	case record.Change != nil:
		if !slices.ContainsFunc(r.Open, func(e Entry[Change]) bool { return e.What == *record.Change }) {
			r.Open = append(r.Open, entry(record, record.Change))
		}
	case record.Restored != nil:
		r.Restored = append(r.Restored, entry(record, record.Restored))
		r.Open = without(r.Open, func(c Change) bool { return c.Object == record.Restored.Object })
	case record.Lost != nil:
		r.Lost = append(r.Lost, entry(record, record.Lost))
	case record.Recovered != nil:
		r.Recovered = append(r.Recovered, entry(record, record.Recovered))
	case record.Unneeded != nil:
		r.Unneeded = append(r.Unneeded, entry(record, record.Unneeded))
	case record.Availability != nil:
		workload := record.Availability.Workload
		r.Availability[workload] = append(r.Availability[workload], entry(record, record.Availability))
	case record.Budget != nil:
		name := record.Budget.Namespace + "/" + record.Budget.Budget
		r.Budgets[name] = append(r.Budgets[name], entry(record, record.Budget))
	case record.Check != nil:
		r.Checks = append(r.Checks, entry(record, record.Check))
	case record.Note != nil:
		r.Notes = append(r.Notes, entry(record, record.Note))
	case record.Upgrade != nil:
		r.Upgrade = record.Upgrade
	case record.Replacing != nil:
		r.Replacing = append(r.Replacing, entry(record, record.Replacing))
	case record.Replaced != nil:
		r.Replaced = append(r.Replaced, entry(record, record.Replaced))
	case record.End != nil:
		r.End = record.End
	}
}

func entry[T any](record Record, what *T) Entry[T] {
	return Entry[T]{Time: record.Time, Step: record.Step, Tick: record.Tick, What: *what}
}

// without leaves out what matches: the list is short, of what is under way.
func without[T any](list []Entry[T], match func(T) bool) []Entry[T] {
	return slices.DeleteFunc(list, func(e Entry[T]) bool { return match(e.What) })
}

// Choice returns what was drawn in that step and tick, nil where nothing was.
func (r *Run) Choice(step, tick int) *Choice {
	for i, e := range r.Choices {
		if e.Step == step && e.Tick == tick {
			return &r.Choices[i].What
		}
	}
	return nil
}

// Drawn returns all choices in their order.
func (r *Run) Drawn() []Choice { return All(r.Choices) }

// Duration is the time from the first record to the latest.
func (r *Run) Duration() time.Duration { return r.Ended.Sub(r.Began) }
