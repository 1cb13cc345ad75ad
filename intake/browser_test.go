package intake_test

import (
	"context"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const browserLimit = time.Minute

// browse opens a browser of its own, or reports that there is none.
func browse(t *testing.T) (context.Context, bool) {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("TOPUPQ_REQUIRE_BROWSER") == "1" {
			t.Fatal("TOPUPQ_REQUIRE_BROWSER=1, but there is no chromium: apt-get install chromium")
		}
		t.Log("not run: there is no chromium (apt-get install chromium)")
		return nil, false
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WindowSize(1280, 900))
	ctx, cancel := context.WithTimeout(t.Context(), browserLimit)
	t.Cleanup(cancel)
	ctx, cancelAlloc := chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(cancelAlloc)
	ctx, cancelTab := chromedp.NewContext(ctx, chromedp.WithErrorf(func(string, ...any) {})) // it complains of events newer than itself
	t.Cleanup(cancelTab)
	return ctx, true
}

// TestBrowserShowsDocs opens the page for people in a browser: it is laid out by its own styles, its links lead
// somewhere, nothing is complained of, and no host but the intake is asked for anything.
func TestBrowserShowsDocs(t *testing.T) {
	t.Parallel()
	ctx, ok := browse(t)
	if !ok {
		return
	}
	server := httptest.NewServer(newAPI(t).server.Handler())
	t.Cleanup(server.Close)
	var mu sync.Mutex
	var asked, complaints []string
	chromedp.ListenTarget(ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			asked = append(asked, e.Request.URL)
		case *runtime.EventExceptionThrown:
			complaints = append(complaints, e.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			complaints = append(complaints, string(e.Type))
		}
	})
	var text, family, clicked string
	var styled bool
	err := chromedp.Run(ctx, network.Enable(), chromedp.Navigate(server.URL+"/docs"), chromedp.WaitVisible("h1", chromedp.ByQuery),
		chromedp.Text("body", &text, chromedp.ByQuery),
		chromedp.Evaluate(`getComputedStyle(document.body).fontFamily`, &family),
		chromedp.Evaluate(`document.styleSheets.length > 0 && document.styleSheets[0].cssRules.length > 0`, &styled),
		chromedp.Click(`a[href^="#"]`, chromedp.ByQuery), chromedp.Location(&clicked),
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"/v1/topups", "/v1/events", "/v1/callbacks/redeliver", "refund_safe", "events_gone"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if !styled || family == "" || !strings.Contains(clicked, "/docs#") {
		t.Errorf("styled %v in %s, a link leads to %s", styled, family, clicked)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, address := range asked {
		if u, err := url.Parse(address); err != nil || "http://"+u.Host != server.URL {
			t.Errorf("the page asks for %s", address)
		}
	}
	if len(asked) == 0 || len(complaints) > 0 {
		t.Errorf("asked for %v, complaints %v", asked, complaints)
	}
}
