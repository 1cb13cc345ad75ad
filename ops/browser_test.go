package ops

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"topupq/topup"
)

const (
	// requireBrowser, set to 1, fails these tests where there is no Chromium; else they say why they do not run.
	requireBrowser = "TOPUPQ_REQUIRE_BROWSER"
	// screenshots names a directory that gets a picture of every page.
	screenshots  = "TOPUPQ_TEST_SCREENSHOTS"
	browserLimit = time.Minute
)

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
		if os.Getenv(requireBrowser) == "1" {
			t.Fatalf("%s=1, but there is no chromium: apt-get install chromium", requireBrowser)
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

func do(t *testing.T, ctx context.Context, what string, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(ctx, actions...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// login fills the form as a person does, with the keyboard.
func (w *world) login(t *testing.T, ctx context.Context, name, password string) {
	t.Helper()
	do(t, ctx, "log in", chromedp.Navigate(w.URL+"/"), chromedp.WaitVisible(`input[name=password]`, chromedp.ByQuery),
		chromedp.SendKeys(`input[name=name]`, name, chromedp.ByQuery), chromedp.SendKeys(`input[name=password]`, password+"\r", chromedp.ByQuery), chromedp.WaitVisible(`main h1, [role=alert]`, chromedp.ByQuery))
}

func (w *world) logout(t *testing.T, ctx context.Context) {
	t.Helper()
	do(t, ctx, "log out", chromedp.Navigate(w.URL+"/logout"), chromedp.SendKeys(`form button`, "\r", chromedp.ByQuery), chromedp.WaitVisible(`input[name=password]`, chromedp.ByQuery))
}

// shows fails unless the page has each text.
func shows(t *testing.T, ctx context.Context, want ...string) {
	t.Helper()
	var text string
	do(t, ctx, "read the page", chromedp.Text("body", &text, chromedp.ByQuery))
	for _, s := range want {
		if !strings.Contains(text, s) {
			t.Errorf("the page does not show %q:\n%s", s, text)
		}
	}
}

// picture keeps a screenshot where they are asked for.
func picture(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv(screenshots)
	if dir == "" {
		return
	}
	var png []byte
	do(t, ctx, "screenshot", chromedp.FullScreenshot(&png, 100))
	must(t, os.MkdirAll(dir, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
}

func TestBrowserLoginAndRefusal(t *testing.T) {
	t.Parallel()
	ctx, ok := browse(t)
	if !ok {
		return
	}
	w := newWorld(t)
	w.login(t, ctx, "vera", "wrong")
	shows(t, ctx, "The name or the password is wrong.")
	picture(t, ctx, "login")
	w.login(t, ctx, "vera", "v-pass")
	shows(t, ctx, "Overview", "Money at risk now")
	do(t, ctx, "preview as a viewer", chromedp.Navigate(w.URL+"/act?act=replay&state=held"), chromedp.WaitVisible(`main h1`, chromedp.ByQuery))
	shows(t, ctx, "A viewer may look, not act.", "will send")
	var status int64
	do(t, ctx, "act as a viewer", chromedp.Evaluate(`fetch("/act",{method:"POST",headers:{"Content-Type":"application/x-www-form-urlencoded"},body:"act=replay&reason=x&id=`+string(topup.NewID(w.m, "held-1"))+`"}).then(r=>r.status).catch(()=>0)`, &status, awaited))
	if w.state(t, "held-1") != topup.Held {
		t.Errorf("a viewer has acted (answer %d)", status)
	}
	w.logout(t, ctx)
	do(t, ctx, "after the logout", chromedp.Navigate(w.URL+"/audit"), chromedp.WaitVisible(`input[name=password]`, chromedp.ByQuery))
}

func TestBrowserSearchAndTimeline(t *testing.T) {
	t.Parallel()
	ctx, ok := browse(t)
	if !ok {
		return
	}
	w := newWorld(t)
	w.login(t, ctx, "otto", "o-pass")
	shows(t, ctx, "provider:aat is paused by worker", "Money at risk now", "762.00 ZAR", "Accepted and closed per minute", "Callbacks per minute",
		"Time to an outcome", "Open by age", "Success in the last hour", "173", "about 3 h 23 min", "paused (float_empty)", "breaker open in 1 process",
		"submit:aat", "callback (paused)")
	picture(t, ctx, "overview")
	do(t, ctx, "search by reference", chromedp.SendKeys(`input[name=q]`, "done-1\r", chromedp.ByQuery), chromedp.WaitVisible(`.timeline`, chromedp.ByQuery))
	shows(t, ctx, "Delivered", "AAT-7781", "topup.succeeded", "submitted", "+27831234567")
	picture(t, ctx, "topup")
	shows(t, ctx, "Exchanges with the provider", "a plain answer")
	do(t, ctx, "one that was lost", chromedp.Navigate(w.URL+"/topups/"+string(topup.NewID(w.m, "lost-1"))), chromedp.WaitVisible(`.timeline`, chromedp.ByQuery))
	shows(t, ctx, "GET PerformPinlessRecharge", "timeout", "GET GetTransactionInfo", "Service Unavailable")
	picture(t, ctx, "exchanges")
	do(t, ctx, "search by number", chromedp.SendKeys(`input[name=q]`, "+27 83 123 4567\r", chromedp.ByQuery), chromedp.WaitVisible(`main table`, chromedp.ByQuery))
	shows(t, ctx, "15 top-ups", "held-1", "stuck-large")
	picture(t, ctx, "search")
	do(t, ctx, "search by the provider's ID", chromedp.Navigate(w.URL+"/search?provider_id=99123"), chromedp.WaitVisible(`main table`, chromedp.ByQuery))
	shows(t, ctx, "1 top-up", "done-1")
	do(t, ctx, "on a phone, dark", chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}),
		chromedp.Navigate(w.URL+"/"), chromedp.WaitVisible(`main h1`, chromedp.ByQuery))
	picture(t, ctx, "overview-phone-dark")
	var wide bool
	do(t, ctx, "measure", chromedp.Evaluate(`document.documentElement.scrollWidth > window.innerWidth`, &wide))
	if wide {
		t.Error("the overview is wider than a phone")
	}
}

func TestBrowserReplayWithPreview(t *testing.T) {
	t.Parallel()
	ctx, ok := browse(t)
	if !ok {
		return
	}
	w := newWorld(t)
	w.login(t, ctx, "otto", "o-pass")
	do(t, ctx, "held", chromedp.Navigate(w.URL+"/search?state=held"), chromedp.WaitVisible(`.acts a`, chromedp.ByQuery))
	shows(t, ctx, "6 top-ups, 174.00 ZAR")
	picture(t, ctx, "held")
	do(t, ctx, "preview", chromedp.SendKeys(`.acts a`, "\r", chromedp.ByQuery), chromedp.WaitVisible(`form.apply`, chromedp.ByQuery))
	shows(t, ctx, "Nothing has been touched", "will send", "174.00 ZAR", "goes out when the pause of provider:aat ends")
	picture(t, ctx, "replay-preview")
	if w.state(t, "held-3") != topup.Held {
		t.Fatal("the preview has acted")
	}
	do(t, ctx, "apply without a reason", chromedp.SendKeys(`button.go`, "\r", chromedp.ByQuery), chromedp.WaitVisible(`form.apply`, chromedp.ByQuery))
	do(t, ctx, "apply", chromedp.SendKeys(`input[name=reason]`, "float was filled\r", chromedp.ByQuery), chromedp.WaitVisible(`.done`, chromedp.ByQuery))
	shows(t, ctx, "6 of 6 done")
	picture(t, ctx, "replay-done")
	if got := w.state(t, "held-3"); got != topup.Accepted {
		t.Errorf("held-3 is %s", got)
	}
	do(t, ctx, "audit", chromedp.Navigate(w.URL+"/audit?verify=1"), chromedp.WaitVisible(`main table`, chromedp.ByQuery))
	shows(t, ctx, "float was filled", "The log is whole: 2 entries", "otto")
	picture(t, ctx, "audit")
}

func TestBrowserResolveByTwoPeople(t *testing.T) {
	t.Parallel()
	ctx, ok := browse(t)
	if !ok {
		return
	}
	w := newWorld(t)
	page := w.URL + "/act?act=resolve-failed&q=" + string(topup.NewID(w.m, "stuck-large"))
	resolve := func(want string) {
		do(t, ctx, "resolve", chromedp.Navigate(page), chromedp.WaitVisible(`form.apply`, chromedp.ByQuery))
		shows(t, ctx, want)
		do(t, ctx, "apply", chromedp.SendKeys(`input[name=evidence]`, "statement 2026-11, no entry", chromedp.ByQuery),
			chromedp.SendKeys(`input[name=reason]`, "ticket 77\r", chromedp.ByQuery), chromedp.WaitVisible(`.done`, chromedp.ByQuery))
	}
	w.login(t, ctx, "otto", "o-pass")
	resolve("needs two people: you propose failed")
	if got := w.state(t, "stuck-large"); got != topup.Unresolved {
		t.Fatalf("one person has made it %s", got)
	}
	do(t, ctx, "again by the same", chromedp.Navigate(page), chromedp.WaitVisible(`main table`, chromedp.ByQuery))
	shows(t, ctx, "somebody else has to confirm it")
	w.logout(t, ctx)
	w.login(t, ctx, "anna", "a-pass")
	do(t, ctx, "see the proposal", chromedp.Navigate(w.URL+"/topups/"+string(topup.NewID(w.m, "stuck-large"))), chromedp.WaitVisible(`.timeline`, chromedp.ByQuery))
	shows(t, ctx, "otto proposed failed", "statement 2026-11")
	picture(t, ctx, "proposal")
	resolve("you confirm what otto has proposed")
	if got := w.state(t, "stuck-large"); got != topup.Failed {
		t.Errorf("two people have made it %s", got)
	}
	do(t, ctx, "pauses", chromedp.Navigate(w.URL+"/pauses"), chromedp.WaitVisible(`main table`, chromedp.ByQuery))
	shows(t, ctx, "provider:aat", "float_empty")
	picture(t, ctx, "pauses")
	do(t, ctx, "resume", chromedp.SendKeys(`.inline input[name=reason]`, "filled\r", chromedp.ByQuery), chromedp.WaitVisible(`.empty`, chromedp.ByQuery))
	shows(t, ctx, "Nothing is paused.")
}
