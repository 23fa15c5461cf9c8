// Package fuzztest has what fuzz targets share.
package fuzztest

import (
	"os"
	"path/filepath"
	"testing"
)

// AddFiles adds the files that match the patterns to the corpus, at least one for each pattern.
func AddFiles(f *testing.F, patterns ...string) {
	f.Helper()
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no examples in %s: %v", pattern, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
}
