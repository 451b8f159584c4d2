// Package reporttest checks pages: their elements, and what a browser says of
// them.
package reporttest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Browser starts a headless Chromium and gives a function that opens a file
// in it, on a narrow and on a wide screen, in light and dark colours and as it
// is printed, and names what goes wrong.
func Browser(t *testing.T) func(path string) []string {
	t.Helper()
	required := os.Getenv("PTYCHO_REQUIRE_BROWSER") != ""
	program, err := exec.LookPath("chromium")
	if err != nil && !required {
		t.Skip("chromium is missing: no page is opened")
	}
	require.NoError(t, err, "PTYCHO_REQUIRE_BROWSER is set")
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU)
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	ctx, stop = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(stop)
	w := &watch{}
	require.NoError(t, chromedp.Listen(ctx, w.event))
	return func(path string) []string {
		w.begin((&url.URL{Scheme: "file", Path: path}).String())
		for _, screen := range []struct {
			name          string
			width         int64
			media, scheme string
		}{
			{"360 pixels", 360, "", "light"},
			{"1280 pixels", 1280, "", "dark"},
			{"printed", 720, "print", "light"}, // A4 within its margins
		} {
			_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Media: screen.media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: screen.scheme}},
			})
			require.NoError(t, err)
			require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(screen.width, 900), chromedp.Navigate(w.page)))
			seen, err := chromedp.Run(ctx, chromedp.Evaluate[shownPage](`({
				width: document.documentElement.scrollWidth, screen: window.innerWidth, text: document.body.innerText.length,
				dark: matchMedia("(prefers-color-scheme: dark)").matches, print: matchMedia("print").matches,
				blank: [...document.images].filter(i => !i.complete || i.naturalWidth === 0).map(i => i.alt)})`))
			require.NoError(t, err)
			require.Equal(t, []bool{screen.scheme == "dark", screen.media == "print"}, []bool{seen.Dark, seen.Print})
			w.judge(screen.name, seen)
		}
		return w.end()
	}
}

// shownPage is what a page says of itself.
type shownPage struct {
	Width  int      `json:"width"`
	Screen int      `json:"screen"`
	Text   int      `json:"text"`
	Dark   bool     `json:"dark"`
	Print  bool     `json:"print"`
	Blank  []string `json:"blank"` // images without pixels, by their texts
}

// watch gathers the faults of a page from the events of its browser.
type watch struct {
	sync.Mutex
	page   string
	faults []string
}

func (w *watch) begin(page string) {
	w.Lock()
	defer w.Unlock()
	w.page, w.faults = page, nil
}

func (w *watch) end() []string {
	w.Lock()
	defer w.Unlock()
	return w.faults
}

func (w *watch) fault(format string, arguments ...any) {
	w.Lock()
	defer w.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, arguments...))
}

func (w *watch) judge(where string, seen shownPage) {
	if seen.Width > seen.Screen {
		w.fault("%s: the page is %d pixels wide", where, seen.Width)
	}
	if seen.Text == 0 {
		w.fault("%s: the page is empty", where)
	}
	for _, alt := range seen.Blank {
		w.fault("%s: image without pixels: %s", where, alt)
	}
}

// event is called with everything that happens in the browser.
func (w *watch) event(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if address := e.Request.URL; address != w.page && !strings.HasPrefix(address, "data:") {
			w.fault("loads %s", address)
		}
	case *network.EventLoadingFailed:
		w.fault("a request failed: %s", e.ErrorText)
	case *runtime.EventExceptionThrown:
		w.fault("exception: %s", e.ExceptionDetails.Exception.Description)
	case *runtime.EventConsoleAPICalled:
		for _, argument := range e.Args {
			w.fault("console %s: %s", e.Type, argument.Value)
		}
	case *log.EventEntryAdded:
		w.fault("log %s: %s", e.Entry.Level, e.Entry.Text)
	}
}
