package report

import "time"

const (
	// firstReminder is how long nobody asks what is waited for.
	firstReminder = 30 * time.Second
	// lastingReminder is how long it is at most between two reminders.
	lastingReminder = 10 * time.Minute
)

// Reminder says when to tell what is still waited for: after 30 seconds, then ever more seldom.
// The zero value is ready.
type Reminder struct {
	next time.Duration
}

// Due says whether it is time to tell, now that so long has been waited.
func (r *Reminder) Due(waited time.Duration) bool {
	if waited < max(r.next, firstReminder) {
		return false
	}
	r.next = waited + min(waited, lastingReminder)
	return true
}

// Told says whether anything has been told.
func (r *Reminder) Told() bool { return r.next > 0 }
