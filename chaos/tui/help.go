package tui

import "strings"

// helpLines say what keys do. They fit into 80x24.
func helpLines() []string {
	return strings.Split(`
  ↑↓ jk  PgUp PgDn  g G   move
  ←→ hl  Tab  1 to 6      another list
  Enter                   what belongs to the row: workloads of a namespace, nodes of
                          a zone, pods of a node, workload or budget; one pod
  Esc                     back
  /                       show only rows with all of the words

  e   evict a pod or the pods of a workload, within budgets
  x   delete them, whatever the budgets say: asks for a word
  D   drain a node or a zone, within budgets
  K   take down a node or a zone, whatever the budgets say: asks for a word
      Each shows first what would happen. Enter or y does it, r predicts again.

  w   what is under way, or was last
  a   abort it at once, and put back what it changed
  q   quit        Ctrl-C   abort, put back and quit

  The recovery shows how few pods of a workload were to be ready by the
  prediction (FLOOR), how few were (SEEN), and the fewest over the time.`, "\n")
}
