package e2e

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"topupq/e2e/harness"
	"topupq/jobs"
	"topupq/topup"
)

const (
	// browserEnv, set to 1, fails the browser's test where there is no Chromium; else it says why it does not run.
	browserEnv   = "TOPUPQ_REQUIRE_BROWSER"
	browserLimit = 90 * time.Second
)

// browse opens a browser of its own, false where there is none.
func browse(ctx context.Context, t *testing.T) (context.Context, bool) {
	t.Helper()
	i := slices.IndexFunc([]string{"chromium", "chromium-browser", "google-chrome"}, func(name string) bool {
		_, err := exec.LookPath(name)
		return err == nil
	})
	if i < 0 {
		if os.Getenv(browserEnv) == "1" {
			t.Fatalf("%s=1, but there is no chromium: apt-get install chromium", browserEnv)
		}
		t.Log("not run: there is no chromium (apt-get install chromium)")
		return nil, false
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath([]string{"chromium", "chromium-browser", "google-chrome"}[i]),
		chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true), chromedp.WindowSize(1400, 900))
	ctx, cancel := chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithErrorf(func(string, ...any) {})) // it complains of events newer than itself
	t.Cleanup(cancel)
	return ctx, true
}

// TestReplayInTheBrowser runs the job of a held top-up again from the dashboard's own page, as an operator does after
// the float was refilled.
func TestReplayInTheBrowser(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), browserLimit)
	defer cancel()
	tab, ok := browse(ctx, t)
	if !ok {
		return
	}
	stack := harness.Start(t, harness.Options{Ops: true})
	op := newOperator(t, stack)
	stack.Sims.AAT.SetBalance("1")
	subjects := harness.NewSubjects(stack.Merchant.ID, "browser", 2, newRand(41))[1:]
	queue := jobs.SubmitQueue(topup.AAT)
	hand(ctx, t, stack, subjects)
	wait(ctx, t, "an archived job", func() bool { return len(op.archived(queue, subjects[0].ID)) > 0 })
	wait(ctx, t, "the operators' listener", func() bool { return isUp(ctx, stack.OpsURL()+"/login") })
	stack.Sims.AAT.SetBalance("100000")

	runFromPage(t, tab, stack, queue, op.archived(queue, subjects[0].ID)[0].ID)

	if err := settled(ctx, stack, subjects); err != nil {
		t.Fatal(err)
	}
	e := checkMoney(ctx, t, stack, subjects)
	if n, state := e.Books[subjects[0].ID].Count, e.Records[subjects[0].ID].State; n != 1 || state != "succeeded" {
		t.Errorf("%s, booked %d times", state, n)
	}
}

// runFromPage logs in, opens the archived jobs of a queue, and clicks on the button that runs one of them.
func runFromPage(t *testing.T, tab context.Context, stack *harness.Stack, queue, task string) {
	t.Helper()
	page := stack.OpsURL() + "/dashboard/queues/" + queue + "?status=archived"
	row := `//tr[contains(., "` + task[:12] + `")]`
	act := func(what string, actions ...chromedp.Action) {
		t.Helper()
		if err := chromedp.Run(tab, actions...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	act("log in", chromedp.Navigate(stack.OpsURL()+"/login"), chromedp.WaitVisible(`input[name=password]`, chromedp.ByQuery),
		chromedp.SendKeys(`input[name=name]`, harness.OpsUser, chromedp.ByQuery),
		chromedp.SendKeys(`input[name=password]`, harness.OpsPassword+"\r", chromedp.ByQuery), chromedp.WaitNotPresent(`input[name=password]`, chromedp.ByQuery))
	act("find the job", chromedp.Navigate(page), chromedp.WaitVisible(row, chromedp.BySearch))
	picture(t, tab, "dashboard-archived")
	act("hold the mouse over it", hover(task[:12]))
	act("run it", chromedp.Click(row+`//button[@title="Run" or @aria-label="Run"]`, chromedp.BySearch))
	picture(t, tab, "dashboard-run")
}

// hover moves the mouse to the last cell of the row with a text, which is what makes its buttons appear.
func hover(text string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		var at struct{ X, Y float64 }
		err := chromedp.Evaluate(`(() => {
			const row = [...document.querySelectorAll("tr")].find(tr => tr.innerText.includes("`+text+`"));
			const box = row.lastElementChild.getBoundingClientRect();
			return {X: box.x + box.width / 2, Y: box.y + box.height / 2};
		})()`, &at).Do(ctx)
		if err != nil {
			return err
		}
		return chromedp.MouseEvent(input.MouseMoved, at.X, at.Y).Do(ctx)
	})
}

func isUp(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// picture keeps a screenshot among the artifacts.
func picture(t *testing.T, tab context.Context, name string) {
	t.Helper()
	var png []byte
	if err := chromedp.Run(tab, chromedp.FullScreenshot(&png, 100)); err != nil {
		t.Fatalf("screenshot: %v", err)
	}
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(artifacts, name+".png"), png, 0o600); err != nil {
		t.Fatal(err)
	}
}
