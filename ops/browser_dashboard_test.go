package ops

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestBrowserDashboard(t *testing.T) {
	t.Parallel()
	ctx, ok := browse(t)
	if !ok {
		return
	}
	l := start(t, nil)
	for i := range 3 {
		l.enqueue(t, "submit:aat", fmt.Sprintf("abcdefghijklmnop234%d", i+2), []byte(topupID), true)
	}
	w := &world{Server: l.Server}
	do(t, ctx, "log in", chromedp.Navigate(w.URL+"/login"), chromedp.WaitVisible(`input[name=password]`, chromedp.ByQuery),
		chromedp.SendKeys(`input[name=name]`, "otto", chromedp.ByQuery), chromedp.SendKeys(`input[name=password]`, "o:pass\r", chromedp.ByQuery), chromedp.WaitVisible(`#root table, #root [class*=Mui]`, chromedp.ByQuery))
	do(t, ctx, "archived", chromedp.Navigate(w.URL+"/dashboard/queues/submit:aat?status=archived"), chromedp.WaitVisible(`table tbody tr`, chromedp.ByQuery))
	picture(t, ctx, "dashboard-archived")
	archived := func() int {
		info, err := l.inspector.GetQueueInfo("submit:aat")
		must(t, err)
		return info.Archived
	}
	until := func(what string, want int) {
		t.Helper()
		do(t, ctx, what, chromedp.WaitReady(fmt.Sprintf(`//*[@role="button" or self::div or self::span][normalize-space(.)="Archived %d"]`, want), chromedp.BySearch))
		if got := archived(); got != want {
			t.Errorf("%s: %d tasks are archived, want %d", what, got, want)
		}
	}
	do(t, ctx, "run one", chromedp.Click(`tbody tr input[type=checkbox]`, chromedp.ByQuery), chromedp.WaitVisible(`button[title="Run"], [title="Run"] button`, chromedp.ByQuery),
		chromedp.Click(`button[title="Run"], [title="Run"] button`, chromedp.ByQuery))
	until("run one", 2)
	do(t, ctx, "run all", chromedp.Click(`button[title="More Actions"]`, chromedp.ByQuery), chromedp.WaitVisible(`//li[normalize-space(.)="Run All"]`, chromedp.BySearch),
		chromedp.Click(`//li[normalize-space(.)="Run All"]`, chromedp.BySearch))
	until("run all", 0)
	acts := l.audited()
	if len(acts) != 4 || acts[0].Actor != "otto" || acts[1].Status != 200 {
		t.Errorf("audited: %+v", acts)
	}
	for _, page := range []struct{ path, shows string }{{"/dashboard/", "submit:aat"}, {"/dashboard/servers", "Servers"}, {"/dashboard/redis", "Redis"}} {
		do(t, ctx, page.path, chromedp.Navigate(w.URL+page.path), chromedp.WaitVisible(`main`, chromedp.ByQuery))
		shows(t, ctx, page.shows)
	}
}
