package explain

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/plan"
)

// view is a snapshot with a name.
type view struct {
	Title string
	plan.Picture
}

// views are the snapshots to compare, in order of time.
func views(doc Document) []view {
	if len(moves(doc)) == 0 {
		return []view{{Title: "now", Picture: doc.Plan.Before}}
	}
	list := []view{{Title: "before", Picture: doc.Plan.Before}, {Title: "planned", Picture: doc.Plan.After}}
	if doc.Result != nil && !doc.Run.DryRun && doc.Result.After.Nodes > 0 {
		list = append(list, view{Title: "after", Picture: doc.Result.After})
	}
	return list
}

// series is one resource over the views.
type series struct {
	Name corev1.ResourceName
	// Views has a figure per view.
	Views []plan.Utilization
}

// resources returns all resources of the views, in the order of the first.
func resources(list []view) []series {
	var names []corev1.ResourceName
	for _, v := range list {
		for _, u := range v.Resources {
			if !slices.Contains(names, u.Name) {
				names = append(names, u.Name)
			}
		}
	}
	all := make([]series, len(names))
	for i, name := range names {
		all[i] = series{Name: name, Views: make([]plan.Utilization, len(list))}
		for j, v := range list {
			if k := slices.IndexFunc(v.Resources, func(u plan.Utilization) bool { return u.Name == name }); k >= 0 {
				all[i].Views[j] = v.Resources[k]
			}
		}
	}
	return all
}

// largest is the most nodes of a class, in any view.
func (s series) largest() int {
	most := 0
	for _, u := range s.Views {
		most = max(most, slices.Max(u.Histogram[:]))
	}
	return most
}

// tells says whether the histogram shows more than the statistics: whether nodes are in
// several classes, or change between them.
func (s series) tells() bool {
	for _, u := range s.Views {
		filled := 0
		for _, n := range u.Histogram {
			if n > 0 {
				filled++
			}
		}
		if filled > 1 || u.Histogram != s.Views[0].Histogram {
			return true
		}
	}
	return false
}

// classes name the figures of a histogram.
var classes = func() (names [len(plan.Utilization{}.Histogram)]string) {
	for i := range names {
		names[i] = fmt.Sprintf("%d-%d %%", 10*i, 10*(i+1))
	}
	names[len(names)-1] = "≥100 %"
	return names
}()

// statistics is a table that summarizes the histograms, in percent.
func statistics(list []view) [][]string {
	rows := [][]string{{"RESOURCE", "MEAN", "STD DEV", "MIN", "MAX"}}
	for _, s := range resources(list) {
		row := []string{string(s.Name)}
		for _, figure := range []func(plan.Utilization) float64{
			func(u plan.Utilization) float64 { return u.Mean },
			func(u plan.Utilization) float64 { return u.StdDev },
			func(u plan.Utilization) float64 { return u.Min },
			func(u plan.Utilization) float64 { return u.Max },
		} {
			var cells []string
			for _, u := range s.Views {
				cells = append(cells, fmt.Sprintf("%.1f", figure(u)))
			}
			row = append(row, strings.Join(cells, " → "))
		}
		rows = append(rows, row)
	}
	return rows
}

// nodes says how many nodes have pods, and how many there are.
func nodes(list []view) string {
	var used []string
	for _, v := range list {
		used = append(used, fmt.Sprintf("%d of %d", v.Used, v.Nodes))
	}
	return strings.Join(used, " → ")
}

// titles names the views, in their order.
func titles(list []view) string {
	var names []string
	for _, v := range list {
		names = append(names, v.Title)
	}
	return strings.Join(names, " → ")
}
