package report

import "time"

const (
	// firstReminder is the time until the first reminder.
	firstReminder = 30 * time.Second
	// lastingReminder is the maximum time between two reminders.
	lastingReminder = 10 * time.Minute
)

// Reminder says when to report what a program is still waiting for: after 30 seconds, then at
// growing intervals. The zero value is ready to use.
type Reminder struct {
	next time.Duration
}

// Due says whether a reminder is due after this time of waiting.
func (r *Reminder) Due(waited time.Duration) bool {
	if waited < max(r.next, firstReminder) {
		return false
	}
	r.next = waited + min(waited, lastingReminder)
	return true
}

// Told says whether there was any reminder.
func (r *Reminder) Told() bool { return r.next > 0 }
