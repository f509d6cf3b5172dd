package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// page_browser_test.go: a real Chromium that looks at the status page, and remembers what its console said. page_test.go has the tests.

// chromiumPath finds Chromium: TEST_CHROMIUM, else what is in PATH. Without one the test is skipped, in continuous integration it fails.
func chromiumPath(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("TEST_CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "no Chromium: install it (Debian: apt-get install chromium), or name it with TEST_CHROMIUM"
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// tab is a tab of a browser that is the test's own. Its methods may be called from the test's goroutine only.
type tab struct {
	t    testing.TB
	ctx  context.Context //nolint:containedctx // chromedp's handle of the tab
	mu   sync.Mutex
	said []string // guarded by mu: errors, warnings and violations on the console
}

// openTab starts Chromium with an empty profile. Nothing that it does leaves this machine: no other name is resolved.
func openTab(t testing.TB) *tab {
	t.Helper()
	options := slices.Concat(chromedp.DefaultExecAllocatorOptions[:], []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(chromiumPath(t)), chromedp.UserDataDir(t.TempDir()), chromedp.DisableGPU, chromedp.WindowSize(1100, 900),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Env("HOME="+t.TempDir(), "TMPDIR="+t.TempDir()),
	})
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to be root with one
	}
	allocator, end := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(end)
	ctx, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab)
	b := &tab{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) }) // waits for the process, so that its profile can be removed
	return b
}

// hear remembers what a developer would see in red or yellow.
func (b *tab) hear(event any) {
	text := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text = "exception: " + e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		text = "console." + string(e.Type)
	case *cdplog.EventEntryAdded:
		text = string(e.Entry.Source) + " " + string(e.Entry.Level) + ": " + e.Entry.Text + " " + e.Entry.URL
	default:
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said = append(b.said, text)
}

// wantQuiet fails the test if the console said something that none of the allowed words excuses.
func (b *tab) wantQuiet(allowed ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.said {
		if !slices.ContainsFunc(allowed, func(word string) bool { return strings.Contains(text, word) }) {
			b.t.Errorf("the browser's console says: %s", text)
		}
	}
}

// do runs an action, for a minute at most.
func do[T any](b *tab, what string, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	result, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
	return result
}

// open shows a page.
func (b *tab) open(url string) {
	b.t.Helper()
	do(b, "open "+url, chromedp.Navigate(url))
}

// evaluate runs JavaScript in the page.
func evaluate[T any](b *tab, script string) T {
	b.t.Helper()
	return do(b, script, chromedp.Evaluate[T](script))
}

// text is what is shown in the element with this id.
func (b *tab) text(id string) string {
	b.t.Helper()
	return evaluate[string](b, "(document.getElementById('"+id+"') || {innerText: 'no such element'}).innerText")
}

// await waits for a text in the element with this id.
func (b *tab) await(id string, words ...string) {
	b.t.Helper()
	eventually(b.t, longWait, "#"+id+" to say "+strings.Join(words, " and "), func() (bool, string) {
		text := b.text(id)
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) }), text
	})
}

// resize makes the window so wide, as a phone where that is narrow.
func (b *tab) resize(width int64) {
	b.t.Helper()
	do(b, "resize", chromedp.EmulateViewport(width, 900, chromedp.EmulateScale(2)))
}

// prefer chooses light or dark.
func (b *tab) prefer(scheme string) {
	b.t.Helper()
	do(b, "prefer "+scheme, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
}

// screenshot keeps the whole page as a picture: in the folder that TEST_SCREENSHOTS names, else in one that goes with the test.
func (b *tab) screenshot(name string) {
	b.t.Helper()
	picture := do(b, "take a screenshot", chromedp.FullScreenshot(100))
	folder := os.Getenv("TEST_SCREENSHOTS")
	if folder == "" {
		folder = b.t.TempDir()
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		b.t.Fatal(err)
	}
	path := filepath.Join(folder, name+".png")
	if err := os.WriteFile(path, picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
	b.t.Logf("screenshot: %s, %d bytes", path, len(picture))
}
