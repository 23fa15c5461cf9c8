package page

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	//go:embed page.html
	source string
	//go:embed page.css
	style string
	//go:embed page.js
	script string
	//go:embed assets/echarts.js
	library string

	layout = template.Must(template.New("page").Funcs(template.FuncMap{
		"clean": clean, "id": id, "long": long, "pieces": pieces, "numeric": numeric, "own": isOwn, "ownRow": ownRow, "width": width,
		"style":    func() template.CSS { return template.CSS(style) },
		"scripts":  func() []template.JS { return []template.JS{template.JS(library), template.JS(script)} },
		"policy":   policy,
		"swatches": func() [heatSteps]struct{} { return [heatSteps]struct{}{} },
	}).Parse(source))
)

// content is what the template takes.
type content struct {
	Page
	Sections []section
	// Drawings are what the script draws, by the numbers of panels.
	Drawings []any
}

func (c content) write(out io.Writer) error {
	var b strings.Builder
	if err := layout.Execute(&b, c); err != nil {
		return err
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// policy is the page's Content-Security-Policy: it may load nothing, and run its own two
// scripts only, whatever may have got into its text.
func policy() string {
	var b strings.Builder
	b.WriteString("default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; script-src")
	for _, s := range []string{library, script} {
		sum := sha256.Sum256([]byte(s))
		b.WriteString(" 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'")
	}
	return b.String()
}

// clean keeps control characters out of the page: some are not allowed in HTML at all.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

var notInID = regexp.MustCompile(`[^a-z0-9]+`)

// id returns what a title's element can be found by. Links are made from it, so it has
// nothing of the title but letters and digits.
func id(title string) string {
	return "s-" + strings.Trim(notInID.ReplaceAllString(strings.ToLower(title), "-"), "-")
}

// long says whether a cell is text that may wrap, rather than a name.
func long(cell string) bool { return utf8.RuneCountInString(cell) > 40 }

// pieces divides a name where a line may end: after slashes.
func pieces(name string) []string { return strings.SplitAfter(name, "/") }

// aNumber is a number as reports write it: "1,234.5 µs", "12 (0)", "-", "21 ×".
var aNumber = regexp.MustCompile(`^([-–]|<none>|never|[-–+<>≤≥~]? ?[0-9][0-9,.]*( ?[-–(/] ?[0-9][0-9,.]*\)?)*( ?(%|×|[a-zA-Zµ/]{1,6}))?)$`)

// numeric says of each column of a table whether it is to be aligned as numbers: every cell
// of it is one, the first column's excepted, which names the rows.
func numeric(t Table) []bool {
	is := make([]bool, len(t.Header))
	for i := 1; i < len(is); i++ {
		is[i] = true
		for _, row := range t.Rows {
			is[i] = is[i] && aNumber.MatchString(row[i])
		}
	}
	return is
}

// width returns the length of a rival's bar, in percent of the longest.
func width(r Rival, all []Rival) float64 {
	most := 0.0
	for _, other := range all {
		most = max(most, other.Value)
	}
	if !(most > 0) {
		return 0
	}
	return 100 * max(0, r.Value) / most
}
