package recovery

import "time"

// Namespace is told whether a namespace is being deleted. Nothing in one that is wants pods
// any more: those that go, one after the other as their grace periods end, are not missed,
// and budgets have nobody to keep them.
func (o *Observer) Namespace(name string, deleted bool, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !deleted {
		delete(o.deleted, name)
		return
	}
	if o.deleted[name] {
		return
	}
	o.deleted[name] = true
	delete(o.budgets, name)
	for _, l := range o.order {
		if l.into == nil && l.sample.Namespace == name {
			l.want(o, 0, at)
		}
	}
	o.writeDue(at)
}
