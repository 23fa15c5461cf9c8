package packing

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// OpenB are the pod lists of the OpenB trace.
var OpenB = []string{"default", "cpu100", "multigpu20"}

// LoadOpenB reads the nodes of the OpenB trace and one of its pod lists from a
// folder.
func LoadOpenB(dir, list string) (Workload, error) {
	w := Workload{Name: "openb-" + list}
	err := readCSV(filepath.Join(dir, "openb_node_list_all_node.csv"), func(r record) {
		w.Nodes = append(w.Nodes, newNode(r.text("sn"), r.number("cpu_milli"), r.number("memory_mib")<<20, 1000*r.number("gpu"), r.text("model")))
	}, "sn", "cpu_milli", "memory_mib", "gpu", "model")
	if err != nil {
		return w, err
	}
	err = readCSV(filepath.Join(dir, "openb_pod_list_"+list+".csv"), func(r record) {
		var models []string
		if spec := r.text("gpu_spec"); spec != "" {
			models = strings.Split(spec, "|")
		}
		w.Kinds = append(w.Kinds, newPod(r.number("cpu_milli"), r.number("memory_mib")<<20, r.number("num_gpu")*r.number("gpu_milli"), models...))
	}, "cpu_milli", "memory_mib", "num_gpu", "gpu_milli")
	return w, err
}

// record is one line of a CSV file whose first line names the columns.
type record struct {
	columns, fields []string
	err             *error
}

// text returns a field, or nothing where the file does not have the column.
func (r record) text(column string) string {
	if i := slices.Index(r.columns, column); i >= 0 {
		return r.fields[i]
	}
	return ""
}

// number returns a field that is a number of 0 or more.
func (r record) number(column string) int64 {
	n, err := strconv.ParseInt(r.text(column), 10, 64)
	if (err != nil || n < 0) && *r.err == nil {
		*r.err = fmt.Errorf("column %s: %q is not a whole number of 0 or more", column, r.text(column))
	}
	return n
}

// readCSV calls read for each line, and fails where a column is missing.
func readCSV(path string, read func(record), required ...string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	if len(lines) < 2 {
		return fmt.Errorf("reading %s: it has no lines", path)
	}
	for _, column := range required {
		if !slices.Contains(lines[0], column) {
			return fmt.Errorf("reading %s: no column %s among %s", path, column, strings.Join(lines[0], ", "))
		}
	}
	for i, fields := range lines[1:] {
		var bad error
		read(record{columns: lines[0], fields: fields, err: &bad})
		if bad != nil {
			return fmt.Errorf("%s, line %d: %w", path, i+2, bad)
		}
	}
	return nil
}
