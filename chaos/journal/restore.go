package journal

import "strings"

// RestoreCommand returns the command that restores a run, or all runs with --all, on the cluster
// that the arguments name.
func RestoreCommand(run string, arguments []string) string {
	command := []string{"stowage-chaos", "restore", run}
	for i, arg := range arguments {
		switch name, _, assigned := strings.Cut(arg, "="); strings.ReplaceAll(name, "_", "-") {
		case "--in-cluster":
			command = append(command, arg)
		case "--context", "--kubeconfig":
			command = append(command, arg)
			if !assigned && i+1 < len(arguments) {
				command = append(command, arguments[i+1])
			}
		}
	}
	return strings.Join(command, " ")
}
