package journal

import (
	"fmt"
	"testing"
)

func TestMemoryKeepsTheFirstAndTheLatest(t *testing.T) {
	m := &Memory{most: 10}
	m.Add(Record{Start: &Start{ID: "r1"}})
	for i := range 95 {
		m.Add(Record{Note: &Note{Message: fmt.Sprint(i)}})
	}
	kept := m.records
	if kept[0].Start == nil || kept[len(kept)-1].Note.Message != "94" || len(kept) > 10 || len(kept) < 5 {
		t.Errorf("of the start and 95 notes %d are kept, from %+v to %+v", len(kept), kept[0], kept[len(kept)-1])
	}
	for i := 2; i < len(kept); i++ {
		var a, b int
		fmt.Sscan(kept[i-1].Note.Message, &a)
		fmt.Sscan(kept[i].Note.Message, &b)
		if b != a+1 {
			t.Errorf("%d comes after %d: what is kept has holes", b, a)
		}
	}
	if m.Left()+len(kept) != 96 {
		t.Errorf("%d are kept and %d left out, of 96", len(kept), m.Left())
	}
	if all := NewMemory(); all.most < 100_000 {
		t.Errorf("only %d records are kept", all.most)
	}
}
