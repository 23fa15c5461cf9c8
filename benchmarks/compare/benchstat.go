package compare

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/playground"
)

// Benchstat compares the ratios in two files, and returns its table and what has become of
// each ratio. It runs the benchstat of tools.mod, so it needs the go command and the
// project's folder. The ratios say which way their metrics get better.
func Benchstat(ctx context.Context, baseline, results string, ratios []Ratio) (table string, all []Change, err error) {
	if table, err = benchstat(ctx, "text", baseline, results); err != nil {
		return "", nil, err
	}
	rows, err := benchstat(ctx, "csv", baseline, results)
	if err != nil {
		return "", nil, err
	}
	better := map[string]figure.Direction{}
	for _, r := range ratios {
		better[r.Metric] = r.Better
	}
	all, err = changes(rows, better)
	return table, all, err
}

func benchstat(ctx context.Context, format, baseline, results string) (string, error) {
	root, err := playground.ProjectRoot()
	if err != nil {
		return "", err
	}
	args := []string{"tool", "-modfile=tools.mod", "benchstat", "-format", format}
	for _, side := range [][2]string{{baselineSide, baseline}, {nowSide, results}} {
		path, err := filepath.Abs(side[1])
		if err != nil {
			return "", err
		}
		args = append(args, side[0]+"="+path)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("benchstat: %w: %s", err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}
