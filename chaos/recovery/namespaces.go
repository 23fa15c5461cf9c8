package recovery

import "time"

// Namespace sets whether a namespace is being deleted. In such a namespace no pods are desired:
// lost pods need no replacement, and budgets are not broken.
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
