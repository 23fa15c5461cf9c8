package tui

import (
	"fmt"
	"testing"
	"time"

	"github.com/stowage-k8s/stowage/chaos/target"
)

// large is a cluster of 5,000 nodes and 150,000 pods in 5,000 workloads with a budget each.
func large() *world {
	w := &world{}
	var nodes []string
	for i := range 5000 {
		nodes = append(nodes, w.node(fmt.Sprintf("node-%04d", i), fmt.Sprintf("zone-%d", i%3), true).Name)
	}
	for i := range 5000 {
		namespace, name := fmt.Sprintf("team-%02d", i/100), fmt.Sprintf("web-%04d", i)
		var on []string
		for j := range 30 {
			on = append(on, nodes[(i+j*167)%len(nodes)])
		}
		w.deployment(namespace, name, 30, on...)
		w.budget(namespace, name, 25, 30, 30, 5)
	}
	return w
}

func BenchmarkBoard(b *testing.B) {
	picture := target.NewPicture(&large().Snapshot, noon)
	before := newBoard(picture, nil)
	b.Run("the first", func(b *testing.B) {
		for b.Loop() {
			newBoard(picture, nil)
		}
	})
	b.Run("one after another", func(b *testing.B) {
		for b.Loop() {
			newBoard(picture, before)
		}
	})
}

func BenchmarkKeys(b *testing.B) {
	board := large().board()
	m := newModel(b.Context(), Options{}, fixed{})
	m.Update(boardMsg{board})
	press := func(keys ...string) {
		for _, k := range keys {
			m.Update(key(k))
			m.View()
		}
	}
	press("5")
	for name, keys := range map[string][]string{"down": {"j"}, "end and home": {"G", "g"}, "filter": {"/", "4", "backspace", "esc"}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				press(keys...)
			}
		})
	}
	b.Run("a new board", func(b *testing.B) {
		press("G")
		for b.Loop() {
			m.Update(boardMsg{board})
			m.View()
		}
	})
	b.Run("a new board, of a filtered list", func(b *testing.B) {
		press("/", "w", "e", "b", "enter", "G")
		for b.Loop() {
			m.Update(boardMsg{board})
			m.View()
		}
	})
}

// fixed is a clock that stands still.
type fixed struct{}

func (fixed) Now() time.Time                  { return noon }
func (fixed) Since(t time.Time) time.Duration { return noon.Sub(t) }
