package ops

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// TestBrowserOIDC logs in at an issuer as a person does: by the button, over two hosts, and back to the page that was
// asked for. Somebody without a role of ours is told so.
func TestBrowserOIDC(t *testing.T) {
	t.Parallel()
	ctx, ok := browse(t)
	if !ok {
		return
	}
	w, issuer := newWorld(t), newFakeIssuer(t)
	must(t, w.Config.Handler.(*Server).Rotate(users(), issuer.settings(w.URL), nil))
	issuer.logsIn(who("eve@example.org", "kitchen"), nil, false)
	atIssuer := `a[href^="/login/oidc"]`
	do(t, ctx, "refused", chromedp.Navigate(w.URL+"/audit"), chromedp.WaitVisible(atIssuer, chromedp.ByQuery))
	picture(t, ctx, "login-oidc")
	do(t, ctx, "refused", chromedp.Click(atIssuer, chromedp.ByQuery), chromedp.WaitVisible(`[role=alert]`, chromedp.ByQuery))
	shows(t, ctx, "role")
	issuer.logsIn(who("olga@example.org", "payments"), nil, false)
	do(t, ctx, "let in", chromedp.Navigate(w.URL+"/audit"), chromedp.WaitVisible(atIssuer, chromedp.ByQuery),
		chromedp.Click(atIssuer, chromedp.ByQuery), chromedp.WaitVisible("main h1", chromedp.ByQuery))
	shows(t, ctx, "Audit", "olga@example.org")
	var at string
	do(t, ctx, "where it leads", chromedp.Location(&at))
	if at != w.URL+"/audit" {
		t.Errorf("the login leads to %s", at)
	}
}
