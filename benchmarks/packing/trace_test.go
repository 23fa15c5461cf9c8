package packing

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

const (
	nodeLines = "sn,cpu_milli,memory_mib,gpu,model\nn1,32000,1024,0,\nn2,96000,2048,8,V100\n"
	podLines  = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\np1,1500,64,0,0,\np2,8000,128,2,1000,V100|T4\np3,500,32,1,250,\n"
)

// writeTrace writes a trace with one list of pods to a folder.
func writeTrace(t *testing.T, nodes, pods string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"openb_node_list_all_node.csv": nodes, "openb_pod_list_default.csv": pods} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoadOpenB(t *testing.T) {
	w, err := LoadOpenB(writeTrace(t, nodeLines, podLines), "default")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]cluster.Amounts{}
	for _, n := range w.Nodes {
		got[n.Name+" "+n.Labels[gpuModelLabel]] = cluster.Allocatable(n)
	}
	want := map[string]cluster.Amounts{
		"n1 ":     {"cpu": 32000, "memory": 1 << 30, "pods": 1000},
		"n2 V100": {"cpu": 96000, "memory": 2 << 30, GPUMilli: 8000, "pods": 1000},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
	var requests []cluster.Amounts
	var models [][]string
	for _, p := range w.Kinds {
		requests = append(requests, cluster.Requests(p))
		models = append(models, modelsOf(p))
	}
	wantRequests := []cluster.Amounts{
		{"cpu": 1500, "memory": 64 << 20, "pods": 1},
		{"cpu": 8000, "memory": 128 << 20, GPUMilli: 2000, "pods": 1},
		{"cpu": 500, "memory": 32 << 20, GPUMilli: 250, "pods": 1},
	}
	if diff := cmp.Diff(wantRequests, requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]string{nil, {"V100", "T4"}, nil}, models); diff != "" {
		t.Errorf("models of GPU (-want +got):\n%s", diff)
	}
}

func TestLoadOpenBErrors(t *testing.T) {
	tests := []struct {
		name, nodes, pods string
		want              string // with DIR for the folder
	}{
		{
			"no list of nodes", "", podLines,
			"open DIR/openb_node_list_all_node.csv: no such file or directory",
		},
		{
			"no list of pods", nodeLines, "",
			"open DIR/openb_pod_list_default.csv: no such file or directory",
		},
		{
			"nodes without a column", "sn,cpu_milli,gpu,model\nn1,32000,0,\n", podLines,
			"reading DIR/openb_node_list_all_node.csv: no column memory_mib among sn, cpu_milli, gpu, model",
		},
		{
			"pods without a column", nodeLines, "name,cpu_milli,memory_mib,num_gpu\np1,1500,64,0\n",
			"reading DIR/openb_pod_list_default.csv: no column gpu_milli among name, cpu_milli, memory_mib, num_gpu",
		},
		{
			"pods without the column that is not needed", nodeLines, "name,cpu_milli,memory_mib,num_gpu,gpu_milli\np1,1500,64,0,0\n",
			"",
		},
		{
			"a number that is none", "sn,cpu_milli,memory_mib,gpu,model\nn1,32000,1024,0,\nn2,96000,2 GiB,8,V100\n", podLines,
			`DIR/openb_node_list_all_node.csv, line 3: column memory_mib: "2 GiB" is not a whole number of 0 or more`,
		},
		{
			"a negative number", nodeLines, "name,cpu_milli,memory_mib,num_gpu,gpu_milli\np1,-1500,64,0,0\n",
			`DIR/openb_pod_list_default.csv, line 2: column cpu_milli: "-1500" is not a whole number of 0 or more`,
		},
		{
			"a fraction", nodeLines, "name,cpu_milli,memory_mib,num_gpu,gpu_milli\np1,1500,64,0.5,0\n",
			`DIR/openb_pod_list_default.csv, line 2: column num_gpu: "0.5" is not a whole number of 0 or more`,
		},
		{
			"a line that is too short", nodeLines, "name,cpu_milli,memory_mib,num_gpu,gpu_milli\np1,1500\n",
			"reading DIR/openb_pod_list_default.csv: record on line 2: wrong number of fields",
		},
		{
			"no pods", nodeLines, "name,cpu_milli,memory_mib,num_gpu,gpu_milli\n",
			"reading DIR/openb_pod_list_default.csv: it has no lines",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := writeTrace(t, tt.nodes, tt.pods)
			_, err := LoadOpenB(dir, "default")
			got := ""
			if err != nil {
				got = strings.ReplaceAll(err.Error(), dir, "DIR")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}
