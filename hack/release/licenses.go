package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// legal are names of files with what is to be passed on with a program.
var legal = regexp.MustCompile(`(?i)^(licen[cs]e|copying|copyright|notice|patents|unlicense)([-._].*)?$`)

// linked is a package that a program is linked with, as `go list` tells it.
type linked struct {
	ImportPath, Dir string
	Standard        bool
	Module          *module
}

type module struct {
	Path, Version, Dir string
	Main               bool
	Replace            *module
}

// packages returns what a program is linked with on the architectures.
func packages(program string, architectures []string) ([]linked, error) {
	seen := map[string]linked{}
	for _, architecture := range architectures {
		cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,Standard,Module", program)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("listing what %s is linked with: %w: %s", program, err, errs.String())
		}
		for from := json.NewDecoder(bytes.NewReader(out)); ; {
			var p linked
			if err := from.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("listing what %s is linked with: %w", program, err)
			}
			seen[p.ImportPath] = p
		}
	}
	return slices.SortedFunc(maps.Values(seen), func(a, b linked) int { return strings.Compare(a.ImportPath, b.ImportPath) }), nil
}

// collect returns the texts of all licenses that a program's packages are under, each once,
// after the names of the files that it is in. The standard library is in the folder goroot. A
// module without any is an error.
func collect(program, goroot, goversion string, all []linked) ([]byte, error) {
	// in has the names of the files with a text, by the text, and found how many a module has.
	in, found := map[string][]string{}, map[string]int{}
	looked := map[string]bool{}
	for _, p := range all {
		name, root := "the Go standard library "+goversion, goroot
		if !p.Standard {
			m := p.Module
			if m.Replace != nil {
				m = m.Replace
			}
			name, root = strings.TrimSpace(m.Path+" "+m.Version), m.Dir
			if p.Module.Main {
				name = m.Path // its version is the program's
			}
		}
		found[name] += 0
		// Packages may have licenses of their own, such as what a module has copied.
		for dir := p.Dir; !looked[dir]; dir = filepath.Dir(dir) {
			looked[dir] = true
			texts, err := textsIn(dir)
			if err != nil {
				return nil, err
			}
			for file, text := range texts {
				inside, err := filepath.Rel(root, filepath.Join(dir, file))
				if err != nil {
					return nil, err
				}
				in[text] = append(in[text], name+": "+filepath.ToSlash(inside))
				found[name]++
			}
			if dir == root {
				break
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if found[name] == 0 {
			return nil, fmt.Errorf("%s is linked with %s, which has no file with a license", program, name)
		}
	}
	return format(program, in), nil
}

// textsIn returns the legal files of a folder.
func textsIn(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !legal.MatchString(entry.Name()) || filepath.Ext(entry.Name()) == ".go" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		texts[entry.Name()] = strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n"))
	}
	return texts, nil
}

// format writes texts in the order of the first file that each is in.
func format(program string, in map[string][]string) []byte {
	for _, files := range in {
		slices.Sort(files)
	}
	texts := slices.SortedFunc(maps.Keys(in), func(a, b string) int { return strings.Compare(in[a][0], in[b][0]) })
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s is linked with what is listed here, under the licenses below each list.\n", program)
	for _, text := range texts {
		fmt.Fprintf(&b, "\n%s\n\n", strings.Repeat("=", 80))
		for _, file := range in[text] {
			fmt.Fprintln(&b, file)
		}
		fmt.Fprintf(&b, "\n%s\n\n%s\n", strings.Repeat("-", 80), text)
	}
	return b.Bytes()
}
