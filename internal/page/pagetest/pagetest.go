// Package pagetest looks at pages in a headless Chromium, for tests: whether they load
// nothing, complain of nothing, fit the screen and have drawn their charts.
package pagetest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const (
	// needed is the variable that makes a missing Chromium a failure.
	needed = "STOWAGE_NEED_CHROMIUM"
	// pictures is the variable with the folder that screenshots are left in.
	pictures = "STOWAGE_SCREENSHOTS"
	// patience is how long a browser may take for everything.
	patience = 2 * time.Minute
)

// programs are the names that Chromium goes by.
var programs = []string{"chromium", "chromium-browser", "google-chrome"}

// machinery is what all pages have alike: style, scripts and their hashes.
var machinery = regexp.MustCompile(`(?s)(<style>).*?(</style>)|(<script>).*?(</script>)|( script-src)[^"]*(")`)

// Own returns of a page what is its own, for golden files.
func Own(html string) string { return machinery.ReplaceAllString(html, "$1$2$3$4$5$6") }

// Browser is a Chromium that is running until the test ends.
type Browser struct{ ctx context.Context }

// Start starts a Chromium. Where there is none, the test is skipped, or fails if
// STOWAGE_NEED_CHROMIUM=1 says that there has to be one.
func Start(t *testing.T) *Browser {
	t.Helper()
	program := find()
	if program == "" {
		const missing = "there is no Chromium: hack/chromium.sh installs it"
		if os.Getenv(needed) == "1" {
			t.Fatal(missing)
		}
		t.Skip(missing + " (" + needed + "=1 makes this a failure)")
	}
	ctx, stop := context.WithTimeout(context.Background(), patience)
	t.Cleanup(stop)
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.Headless, chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
	}
	for _, flag := range []string{"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage", "hide-scrollbars"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	ctx, stop = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting %s: %v", program, err)
	}
	return &Browser{ctx}
}

func find() string {
	for _, name := range programs {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// View is how somebody looks at a page.
type View struct {
	// Width and Height are the screen's, in pixels.
	Width, Height int64
	Dark          bool
	// Paper is the page as it is printed.
	Paper bool
}

func (v View) String() string {
	name := fmt.Sprintf("%d", v.Width)
	if v.Paper {
		name += "-paper"
	}
	if v.Dark {
		return name + "-dark"
	}
	return name + "-light"
}

// A phone and a desk's screen, by day and by night, and paper, for which it must make no
// difference that the screen is dark.
var (
	Phone     = View{Width: 390, Height: 844}
	PhoneDark = View{Width: 390, Height: 844, Dark: true}
	Desk      = View{Width: 1280, Height: 900}
	DeskDark  = View{Width: 1280, Height: 900, Dark: true}
	Paper     = View{Width: 700, Height: 990, Dark: true, Paper: true}
)

// Views returns those that are given, or all of them if there are none, or if screenshots are
// wanted.
func Views(few ...View) []View {
	if len(few) == 0 || os.Getenv(pictures) != "" {
		return []View{Phone, PhoneDark, Desk, DeskDark, Paper}
	}
	return few
}

// Tab is a page that is open.
type Tab struct {
	t   *testing.T
	ctx context.Context
}

// Open opens a page, and checks that it makes no request and no complaint, is no wider than
// the screen, and has drawn every chart. The name is that of the screenshot, which is left in
// the folder $STOWAGE_SCREENSHOTS if there is one.
func (b *Browser) Open(t *testing.T, name, html string, v View) *Tab {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(html), 0o600); err != nil {
		t.Fatal(err)
	}
	address := (&url.URL{Scheme: "file", Path: path}).String()
	ctx, stop := chromedp.NewContext(b.ctx)
	t.Cleanup(stop)
	tab := &Tab{t, ctx}
	heard := tab.listen(address)
	tab.emulate(v)
	tab.do(chromedp.Navigate(address))
	if v.Paper {
		Eval[any](tab, `void dispatchEvent(new Event('beforeprint'))`)
	}
	tab.check(v)
	if complaints := heard(); len(complaints) > 0 {
		t.Errorf("%v: %s", v, strings.Join(complaints, "\n"))
	}
	if folder := os.Getenv(pictures); folder != "" {
		tab.picture(filepath.Join(folder, name+"-"+v.String()), v.Paper)
	}
	return tab
}

// listen collects what a tab must not do: complain, fail, or make requests.
func (tab *Tab) listen(address string) func() []string {
	tab.t.Helper()
	var mu sync.Mutex
	var list []string
	add := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		list = append(list, fmt.Sprintf(format, args...))
	}
	err := chromedp.Listen(tab.ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			add("an exception: %s %s", e.ExceptionDetails.Text, e.ExceptionDetails.Exception.Description)
		case *runtime.EventConsoleAPICalled:
			for _, arg := range e.Args {
				add("console.%s: %s %s", e.Type, arg.Value, arg.Description)
			}
		case *log.EventEntryAdded:
			add("the browser says: %s", e.Entry.Text)
		case *network.EventRequestWillBeSent:
			if e.Request.URL != address {
				add("a request: %s", e.Request.URL)
			}
		}
	})
	if err != nil {
		tab.t.Fatal(err)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return list
	}
}

// emulate has the tab behave as the view says.
func (tab *Tab) emulate(v View) {
	tab.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "light"}}}
	if v.Dark {
		media.Features[0].Value = "dark"
	}
	if v.Paper {
		media.Media = "print"
	}
	call(tab, log.Enable, cdp.Empty{})
	call(tab, network.Enable, network.EnableParams{})
	call(tab, emulation.SetEmulatedMedia, media)
	call(tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: v.Width, Height: v.Height, DeviceScaleFactor: 1, Mobile: v.Width < 500})
}

func call[P, R any](tab *Tab, command cdp.Command[P, R], params P) {
	tab.t.Helper()
	if _, err := chromedp.Call(tab.ctx, command, params); err != nil {
		tab.t.Fatal(err)
	}
}

// check checks what every page has to keep to.
func (tab *Tab) check(v View) {
	tab.t.Helper()
	wide := Eval[[]string](tab, `(() => {
		const width = document.scrollingElement.clientWidth;
		if (document.scrollingElement.scrollWidth <= innerWidth && document.body.scrollWidth <= width) return [];
		return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > width + 1 && !e.closest('.scroll')).map(e => e.tagName + '.' + e.className).slice(0, 5);
	})()`)
	if len(wide) > 0 {
		tab.t.Errorf("%v: the page is wider than the screen: %q", v, wide)
	}
	blank := Eval[[]string](tab, `[...document.querySelectorAll('.chart')].filter(c => {
		const svg = c.querySelector('svg');
		return !svg || c.offsetHeight < 20 || svg.getBoundingClientRect().height > c.offsetHeight + 1 || !svg.querySelector('path, rect, polyline');
	}).map(c => c.ariaLabel)`)
	if len(blank) > 0 {
		tab.t.Errorf("%v: these charts are blank: %q", v, blank)
	}
}

// Eval evaluates an expression in the page.
func Eval[T any](tab *Tab, expression string) T {
	tab.t.Helper()
	result, err := chromedp.Run(tab.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		tab.t.Fatalf("%s: %v", expression, err)
	}
	return result
}

// Count returns how many elements there are that a selector matches.
func (tab *Tab) Count(selector string) int {
	tab.t.Helper()
	return Eval[int](tab, fmt.Sprintf(`document.querySelectorAll(%q).length`, selector))
}

// picture leaves the page behind as a PNG, or as a PDF where it is for paper.
func (tab *Tab) picture(path string, paper bool) {
	tab.t.Helper()
	action, suffix := chromedp.FullScreenshot(100), ".png"
	if paper {
		action, suffix = chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4), chromedp.PDFPreferCSSPageSize()), ".pdf"
	}
	data, err := chromedp.Run(tab.ctx, action)
	if err == nil {
		err = os.WriteFile(path+suffix, data, 0o644)
	}
	if err != nil {
		tab.t.Fatal(err)
	}
}

func (tab *Tab) do(steps ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	if err := chromedp.Do(tab.ctx, steps...); err != nil {
		tab.t.Fatal(err)
	}
}
