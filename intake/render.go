package intake

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"topupq/topup"
)

// writeJSON answers with v.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", typeJSON)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone when this fails
}

// list is one page of anything.
type list[T any] struct {
	Data       []T     `json:"data"`
	NextCursor *string `json:"next_cursor"`
}

func newList[T any](data []T, next string) list[T] {
	l := list[T]{Data: data}
	if data == nil {
		l.Data = []T{}
	}
	if next != "" {
		l.NextCursor = &next
	}
	return l
}

// moveView is one line of a history.
type moveView struct {
	At              time.Time  `json:"at"`
	From            *string    `json:"from"`
	To              string     `json:"to"`
	Actor           string     `json:"actor"`
	Reason          topup.Code `json:"reason"`
	Attempt         int        `json:"attempt"`
	ProviderCode    *string    `json:"provider_code"`
	ProviderMessage *string    `json:"provider_message"`
}

func viewMove(m topup.Move) moveView {
	v := moveView{
		At: m.At.UTC(), To: m.To.String(), Actor: m.Actor, Reason: m.Reason, Attempt: m.Attempt,
		ProviderCode: orNull(m.ProviderCode), ProviderMessage: orNull(m.ProviderMessage),
	}
	if m.From != 0 {
		v.From = orNull(m.From.String())
	}
	return v
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func viewTopups(ts []*topup.Topup) []topup.View {
	views := make([]topup.View, len(ts))
	for i, t := range ts {
		views[i] = t.View()
	}
	return views
}

// wanted is the media type to answer with: the first of offers that the Accept header names, else the first offer.
func wanted(r *http.Request, offers ...string) string {
	for _, part := range strings.Split(strings.Join(r.Header.Values("Accept"), ","), ",") {
		typ, _, _ := strings.Cut(part, ";")
		typ = strings.ToLower(strings.TrimSpace(typ))
		for _, offer := range offers {
			if typ == offer || (typ == "*/*" && offer == offers[0]) {
				return offer
			}
		}
	}
	return offers[0]
}

func parseQuery(r *http.Request) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, malformed("The query cannot be read.")
	}
	return values, nil
}

// Bounds of a page.
const (
	defaultPage = 100
	maxPage     = 1000
)

func pageLimit(q url.Values) (int, error) {
	text := q.Get("limit")
	if text == "" {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, malformed("limit must be a number from 1 to 1000.")
	}
	return min(n, maxPage), nil
}

// pageStates reads a list of states, comma separated; none means all.
func pageStates(q url.Values) ([]topup.State, error) {
	if q.Get("state") == "" {
		return nil, nil
	}
	var states []topup.State
	for _, name := range strings.Split(q.Get("state"), ",") {
		st, err := topup.ParseState(strings.TrimSpace(name))
		if err != nil {
			return nil, malformed("state: " + quoted(name) + " is no state.")
		}
		states = append(states, st)
	}
	return states, nil
}
