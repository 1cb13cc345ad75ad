package console

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"topupq/operator"
	"topupq/topup"
)

// shownRows bounds the rows of a search and of a preview; larger ones are for the command line.
const shownRows = 500

// searchBody is the data of the search page.
type searchBody struct {
	Form      url.Values
	Searched  bool
	Found     operator.Found
	Merchants map[topup.MerchantID]string
	Providers []topup.ProviderName
	States    []topup.State
	// Acts are the acts that make sense for what was searched for, as query strings of their previews.
	Acts []actLink
	Sums []topup.Money
}

// actLink leads to the preview of an act. Its query is escaped already.
type actLink struct {
	Name  string
	Query template.URL
}

// fields are what a search is made of.
var fields = []string{"q", "reference", "recipient", "provider_id", "batch", "merchant", "provider", "state", "code", "from", "to"}

func (c *Console) search(r *http.Request, v Visitor) (drawing, error) {
	form := r.URL.Query()
	b := searchBody{Form: form, Providers: topup.Providers, States: topup.States}
	f, err := filter(form)
	if err != nil {
		return drawing{}, err
	}
	if b.Merchants, err = c.cfg.Desk.MerchantNames(r.Context()); err != nil {
		return drawing{}, err
	}
	if f.IsZero() {
		return drawing{template: "search.html", title: "Search", body: b}, nil
	}
	b.Searched = true
	if b.Found, err = c.cfg.Desk.Select(r.Context(), f, shownRows); err != nil {
		return drawing{}, err
	}
	if len(b.Found.Topups) == 1 && form.Get("q") != "" {
		return drawing{next: "/topups/" + string(b.Found.Topups[0].ID)}, nil
	}
	b.Sums = total(b.Found.Topups)
	if v.MayAct {
		b.Acts = acts(form, b.Found.Topups)
	}
	return drawing{template: "search.html", title: title(form), body: b}, nil
}

func title(form url.Values) string {
	if len(form) == 1 && form.Get("state") != "" {
		return strings.ToUpper(form.Get("state")[:1]) + form.Get("state")[1:]
	}
	return "Search"
}

// acts offers what at least one of the top-ups allows.
func acts(form url.Values, ts []*topup.Topup) []actLink {
	has := map[topup.State]bool{}
	for _, t := range ts {
		has[t.State] = true
	}
	var out []actLink
	add := func(name, act string, when bool) {
		if when {
			q := url.Values{"act": {act}}
			for _, k := range fields {
				if form.Get(k) != "" {
					q[k] = form[k]
				}
			}
			out = append(out, actLink{name, template.URL(q.Encode())}) //nolint:gosec // Encode escapes every value
		}
	}
	add("Replay held, ask about open", "replay", has[topup.Held] || has[topup.Pending] || has[topup.Unknown] || has[topup.Unresolved])
	add("Cancel what was never sent", "cancel", has[topup.Held] || has[topup.Accepted])
	add("Resolve as succeeded", "resolve-succeeded", has[topup.Unresolved])
	add("Resolve as failed", "resolve-failed", has[topup.Unresolved])
	return out
}

func total(ts []*topup.Topup) []topup.Money {
	r := operator.Report{}
	for _, t := range ts {
		r.Rows = append(r.Rows, operator.Row{Amount: t.Amount})
	}
	var out []topup.Money
	for _, s := range r.Sums() {
		out = append(out, s.Total)
	}
	return out
}

// filter reads the fields of a search. q is whatever a person has at hand: an ID, a number, a batch or a reference.
func filter(form url.Values) (operator.Filter, error) {
	get := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	f := operator.Filter{
		Reference: get("reference"), ProviderID: get("provider_id"), Batch: topup.BatchID(get("batch")),
		Merchant: topup.MerchantID(get("merchant")), Code: topup.Code(get("code")),
	}
	var err error
	if f.Recipient, err = recipient(get("recipient")); err != nil {
		return f, err
	}
	if p := get("provider"); p != "" {
		if f.Provider, err = topup.ParseProvider(p); err != nil {
			return f, &operator.Refusal{Why: err.Error()}
		}
	}
	for _, name := range form["state"] {
		if name == "" {
			continue
		}
		s, err := topup.ParseState(name)
		if err != nil {
			return f, &operator.Refusal{Why: err.Error()}
		}
		f.States = append(f.States, s)
	}
	if f.From, err = moment(get("from")); err != nil {
		return f, err
	}
	if f.To, err = moment(get("to")); err != nil {
		return f, err
	}
	for _, id := range form["id"] {
		if !topup.ID(id).Valid() {
			return f, &operator.Refusal{Why: "that is not an ID"}
		}
		f.IDs = append(f.IDs, topup.ID(id))
	}
	return guess(f, get("q")), nil
}

// guess finds out what a person has typed.
func guess(f operator.Filter, q string) operator.Filter {
	switch number, err := recipient(q); {
	case q == "":
	case topup.ID(q).Valid():
		f.IDs = []topup.ID{topup.ID(q)}
	case strings.HasPrefix(q, "bat") && len(q) == 16:
		f.Batch = topup.BatchID(q)
	case strings.HasPrefix(q, "+") && err == nil:
		f.Recipient = number
	default:
		f.Reference = q
	}
	return f
}

func recipient(text string) (topup.MSISDN, error) {
	text = strings.NewReplacer(" ", "", "-", "").Replace(text)
	if text != "" && !topup.ValidMSISDN(text) {
		return "", &operator.Refusal{Why: "write the number with + and its country, such as +27831234567"}
	}
	return topup.MSISDN(text), nil
}

// moment reads what a field of type datetime-local or date sends; times are UTC.
func moment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, &operator.Refusal{Why: fmt.Sprintf("%q is no time", text)}
}
