package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/twmb/franz-go/pkg/kgo"
)

// page_looks_test.go: the status page for everybody: on a phone, in the dark, by keyboard, by screen reader, without JavaScript, with hostile records.

// lowContrasts is a function of JavaScript that names the texts whose contrast with what is behind them is below WCAG's AA.
const lowContrasts = `(() => {
  const rgba = (text) => text.match(/[\d.]+/g).map(Number);
  const over = (top, below) => { const a = top.length > 3 ? top[3] : 1; return [0, 1, 2].map((i) => top[i] * a + below[i] * (1 - a)); };
  const behind = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.unshift(rgba(getComputedStyle(e).backgroundColor));
    return layers.reduce((below, top) => over(top, below), matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0] : [255, 255, 255]);
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.map((c) => c / 255).map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const low = [];
  let looked = 0;
  for (const element of document.body.querySelectorAll("*")) {
    const text = [...element.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join("");
    if (!text || element.closest("svg") || !element.getClientRects().length) continue;
    const ground = behind(element), ink = over(rgba(getComputedStyle(element).color), ground);
    const [light, dark] = [luminance(ground), luminance(ink)].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    looked++;
    if (ratio < 4.5) low.push(text.slice(0, 40) + ": " + ratio.toFixed(2));
  }
  if (looked < 30) low.push("only " + looked + " texts were looked at");
  return low;
})()`

// TestPageLooks holds: at 320, 360 and 1100 pixels, light and dark, the body does not scroll sideways and every text has the contrast of AA; by
// keyboard the skip link comes first, its outline is seen, and it leads to the partitions; to a screen reader the tables are tables at every
// width; hostile bytes of records are text. Without JavaScript the page says the same and asks for itself again.
func TestPageLooks(t *testing.T) {
	t.Parallel()
	b := openTab(t)
	s := newScene(t, 2)
	s.loseRecords(2)
	client := newClient(t, s.brokers)
	for _, value := range []string{`<script>document.title = "taken"</script>`, "<img src=x onerror='document.title=1'>\x00\xff", `{"PULocationID": 7, "passenger_count": "</code><h1>gone"}`} {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: s.topic(), Partition: 0, Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	address := closedPort(t)
	s.run("--http-addr="+address, "--http-show-values")
	s.waitForReadable(address)
	page := "http://" + address + "/"
	b.open(page)
	b.await("state", "1 partition is halted")
	b.await("letters", "invalid_json", "wrong_type")
	evaluate[bool](b, `document.querySelectorAll("details").forEach(d => d.open = true) || true`)
	b.await("letters", `<script>document.title = "taken"</script>`, "</code><h1>gone", `\x00\xff`)
	if title := evaluate[string](b, "document.title"); title != "ridesink" {
		t.Errorf("a record changed the title to %q", title)
	}

	b.wantPlaceKept()

	for _, scheme := range []string{"light", "dark"} {
		b.prefer(scheme)
		for _, width := range []int64{320, 360, 1100} {
			name := fmt.Sprintf("page-%s-%d", scheme, width)
			b.resize(width)
			if wide := evaluate[int64](b, "document.documentElement.scrollWidth"); wide > width {
				outside := evaluate[[]string](b, fmt.Sprintf(`[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > %d + 0.5).map(e => e.outerHTML.slice(0, 80))`, width))
				t.Errorf("%s is %d pixels wide: %s", name, wide, strings.Join(outside, "\n"))
			}
			for _, low := range evaluate[[]string](b, lowContrasts) {
				t.Errorf("%s: contrast below 4.5: %s", name, low)
			}
			b.wantTables(name)
			b.screenshot(name)
		}
	}
	b.open(page)
	b.wantKeyboard()
	b.wantQuiet()

	do(b, "switch JavaScript off", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	b.open(page)
	at := b.text("at")
	b.await("state", "1 partition is halted")
	eventually(t, longWait, "the page to ask for itself again", func() (bool, string) {
		now := b.text("at")
		return now != at && now != "no such element", now
	})
	b.wantQuiet()
}

// wantPlaceKept holds: while somebody reads, a refresh of the part that he reads takes neither the focus, nor the scroll, nor what he opened.
func (b *tab) wantPlaceKept() {
	b.t.Helper()
	const place = `document.activeElement.id + " " + Math.round(scrollY) + " " + document.querySelectorAll("#letters details[open]").length`
	evaluate[bool](b, `document.getElementById("reason-1-summary").focus(), document.querySelector("#letters table").marker = true`)
	before, at := evaluate[string](b, place), b.text("at")
	eventually(b.t, longWait, "the samples to be refreshed", func() (bool, string) {
		return evaluate[bool](b, `!document.querySelector("#letters table").marker`), at + ", now " + b.text("at")
	})
	if after := evaluate[string](b, place); after != before || !strings.HasPrefix(after, "reason-1-summary ") || strings.HasSuffix(after, " 0") {
		b.t.Errorf("focus, scroll and open details were %q and are %q after a refresh", before, after)
	}
}

// wantKeyboard presses Tab as somebody without a mouse does.
func (b *tab) wantKeyboard() {
	b.t.Helper()
	do(b, "press Tab", chromedp.KeyEvent("\t"))
	first := evaluate[string](b, `document.activeElement.innerText + " " + getComputedStyle(document.activeElement).outlineStyle + " " + (document.activeElement.getBoundingClientRect().top >= 0)`)
	if first != "To the partitions solid true" {
		b.t.Errorf("the first Tab leads to: %s", first)
	}
	do(b, "press Enter", chromedp.KeyEvent("\r"))
	if hash := evaluate[string](b, "location.hash + document.activeElement.id"); hash != "#partitionspartitions" {
		b.t.Errorf("the skip link leads to %s", hash)
	}
	reached := []string{}
	for range 12 {
		do(b, "press Tab", chromedp.KeyEvent("\t"))
		reached = append(reached, evaluate[string](b, "document.activeElement.localName"))
	}
	if !slices.Contains(reached, "summary") || !slices.Contains(reached, "a") {
		b.t.Errorf("Tab reaches %v, and not the samples and the links", reached)
	}
}

// wantTables asks the browser what a screen reader is told.
func (b *tab) wantTables(when string) {
	b.t.Helper()
	tree := do(b, "read the accessibility tree", func(ctx context.Context, _ *chromedp.Target) (map[string][]string, error) {
		full, err := chromedp.Call(ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		if err != nil {
			return nil, err
		}
		names := map[string][]string{}
		for _, node := range full.Nodes {
			if node.Ignored || node.Role == nil {
				continue
			}
			role, name := strings.Trim(string(node.Role.Value), `"`), ""
			if node.Name != nil {
				name = strings.Trim(string(node.Name.Value), `"`)
			}
			names[role] = append(names[role], name)
		}
		return names, nil
	})
	for role, want := range map[string][]string{
		"main": {""}, "banner": {""}, "contentinfo": {""},
		"table":        {"Position and lag of each partition that this process owns; halted ones first", "Records that could not become rides, by reason"},
		"columnheader": {"Lag", "Last write", "Reason"},
		"heading":      {"ridesink", "Partitions", "Dead letters", "Servers", "Configuration"},
		"status":       {""},
	} {
		for _, name := range want {
			if !slices.Contains(tree[role], name) {
				b.t.Errorf("%s: a screen reader is told of %q as %s, and not of %q", when, tree[role], role, name)
			}
		}
	}
	images := append(append([]string{}, tree["image"]...), tree["img"]...)
	if !slices.Contains(images, "Throughput, records per second") || !slices.Contains(images, "Lag, records behind") {
		b.t.Errorf("%s: a screen reader is told of the pictures %q", when, images)
	}
	if n := len(tree["rowheader"]); n < 4 {
		b.t.Errorf("%s: a screen reader is told of %d rows with a header", when, n)
	}
}
