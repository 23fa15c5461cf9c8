package tui

import "strings"

// helpLines say what keys do. They fit into 80x24.
func helpLines() []string {
	return strings.Split(`
  ↑↓ jk  PgUp PgDn  g G   move
  ←→ hl  Tab  1 to 6      another list
  Enter                   open the row: workloads of a namespace, nodes of a
                          zone, pods of a node, workload or budget, one pod
  Esc                     back
  /                       filter: show only rows with all of the words

  e   evict a pod or the pods of a workload, within budgets
  x   delete them, ignoring budgets: asks for a word
  D   drain a node or a zone, within budgets
  K   take down a node or a zone, ignoring budgets: asks for a word
      Each shows a preview first. Enter or y does it, r predicts again.

  w   show the current or the last operation
  a   abort it at once, and restore what it changed
  q   quit        Ctrl-C   abort, restore and quit

  During recovery, FLOOR is the predicted minimum of ready pods of a workload,
  SEEN the observed minimum. The chart shows ready pods over time.`, "\n")
}
