package console

import (
	"html/template"
	"net/http"

	"topupq/operator"
	"topupq/topup"
)

// topupBody is the data of one top-up's page.
type topupBody struct {
	T        *topup.Topup
	View     topup.View
	Merchant string
	Proposal *topup.Proposal
	Acts     []actLink
	// TwoPeople means that a resolve of this one needs two.
	TwoPeople bool
	Exchanges []topup.Exchange
	Callbacks []callbackRow
}

type callbackRow struct {
	ID string
	topup.Callback
}

func (c *Console) topup(r *http.Request, v Visitor) (drawing, error) {
	id := topup.ID(r.PathValue("id"))
	if !id.Valid() {
		return drawing{}, topup.ErrNotFound
	}
	t, proposal, err := c.cfg.Desk.Topup(r.Context(), id)
	if err != nil {
		return drawing{}, err
	}
	names, err := c.cfg.Desk.MerchantNames(r.Context())
	if err != nil {
		return drawing{}, err
	}
	b := topupBody{
		T: t, View: t.View(), Merchant: names[t.Merchant], Proposal: proposal,
		TwoPeople: c.cfg.Desk.Limits().Exceeded(t.Amount),
	}
	for _, cb := range t.Callbacks {
		b.Callbacks = append(b.Callbacks, callbackRow{topup.CallbackID(string(id), cb.Version), cb})
	}
	if b.Exchanges, err = c.cfg.Desk.Exchanges(r.Context(), t); err != nil {
		return drawing{}, err
	}
	if v.MayAct {
		b.Acts = acts(map[string][]string{"q": {string(id)}}, []*topup.Topup{t})
		if proposal != nil {
			b.Acts = append(b.Acts, actLink{"Withdraw the proposal", template.URL(query([]string{"act", "withdraw", "q", string(id)}))}) //nolint:gosec // query escapes every value
		}
	}
	return drawing{template: "topup.html", title: t.Reference, body: b}, nil
}

// actBody is the data of a preview and of what came of an act.
type actBody struct {
	Act, Verb string
	Report    *operator.Report
	Summary   string
	Acting    int
	Done      int
	Failed    int
	// Seen are the rows that the preview acts on: exactly these are done.
	Seen []topup.ID
	// Evidence is asked for.
	Evidence  bool
	Merchants map[topup.MerchantID]string
	Back      string
}

// verbs are the acts by their name in the form.
var verbs = map[string]string{
	"replay": "Replay", "cancel": "Cancel", "withdraw": "Withdraw proposals",
	"resolve-succeeded": "Resolve as succeeded", "resolve-failed": "Resolve as failed",
}

func (c *Console) preview(r *http.Request, v Visitor) (drawing, error) {
	form := r.URL.Query()
	f, err := filter(form)
	if err != nil {
		return drawing{}, err
	}
	o := operator.Order{By: person(v), Filter: f, Limit: shownRows}
	report, err := do(r, c.cfg.Desk.Preview(), form.Get("act"), o, "")
	if err != nil {
		return drawing{}, err
	}
	b, err := c.acted(r, form.Get("act"), report)
	if err != nil {
		return drawing{}, err
	}
	form.Del("act")
	b.Back = "/search?" + form.Encode()
	return drawing{template: "act.html", title: "Preview: " + b.Verb, body: b}, nil
}

// apply does exactly what was previewed: the rows are named one by one, and classed anew.
func (c *Console) apply(r *http.Request, v Visitor) (drawing, error) {
	if err := parse(r); err != nil {
		return drawing{}, err
	}
	f, err := filter(map[string][]string{"id": r.PostForm["id"]})
	if err != nil {
		return drawing{}, err
	}
	if len(f.IDs) == 0 {
		return drawing{}, &operator.Refusal{Why: "nothing was chosen"}
	}
	act := r.PostForm.Get("act")
	o := operator.Order{By: person(v), Reason: r.PostForm.Get("reason"), Filter: f, Limit: shownRows}
	report, err := do(r, c.cfg.Desk.Apply(), act, o, r.PostForm.Get("evidence"))
	if err != nil {
		return drawing{}, err
	}
	b, err := c.acted(r, act, report)
	return drawing{template: "act.html", title: b.Verb, body: b}, err
}

func person(v Visitor) operator.Person {
	return operator.Person{Name: v.Name, Role: v.Role, Remote: v.Remote, Proven: true}
}

func do(r *http.Request, clerk *operator.Clerk, act string, o operator.Order, evidence string) (*operator.Report, error) {
	switch act {
	case "replay":
		return clerk.Replay(r.Context(), o)
	case "cancel":
		return clerk.Cancel(r.Context(), o)
	case "withdraw":
		return clerk.Withdraw(r.Context(), o)
	case "resolve-succeeded":
		return clerk.Resolve(r.Context(), o, operator.Resolution{To: topup.Succeeded, Evidence: evidence})
	case "resolve-failed":
		return clerk.Resolve(r.Context(), o, operator.Resolution{To: topup.Failed, Evidence: evidence})
	default:
		return nil, &operator.Refusal{Why: "there is no such act"}
	}
}

func (c *Console) acted(r *http.Request, act string, report *operator.Report) (actBody, error) {
	b := actBody{Act: act, Verb: verbs[act], Report: report, Summary: report.Summary()}
	b.Acting, b.Done, b.Failed = report.Acting()
	b.Evidence = act == "resolve-succeeded" || act == "resolve-failed"
	for _, row := range report.Rows {
		if row.Verdict.Acts() {
			b.Seen = append(b.Seen, row.ID)
		}
	}
	var err error
	b.Merchants, err = c.cfg.Desk.MerchantNames(r.Context())
	return b, err
}
