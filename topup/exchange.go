package topup

import (
	"context"
	"sync"
	"time"
)

// Exchange is one call to a provider about one top-up, without what was said in it but the provider's own code and a
// short text.
type Exchange struct {
	At time.Time `json:"at"`
	// Kind is "submit" or "check": what the call was made for.
	Kind string `json:"kind"`
	// Call is the method and the path without its values: "POST /topups". Empty where it is not known any more.
	Call string        `json:"call,omitempty"`
	Took time.Duration `json:"took,omitempty"`
	// Status is the HTTP status, 0 for no answer; Failure then says "timeout", "not sent" or "cut".
	Status  int    `json:"status,omitempty"`
	Failure string `json:"failure,omitempty"`
	// Code is our reason, ProviderCode theirs, Text a short redacted text of theirs.
	Code         Code   `json:"code,omitempty"`
	ProviderCode string `json:"provider_code,omitempty"`
	Text         string `json:"text,omitempty"`
}

// The kinds of exchanges.
const (
	ExchangeSubmit = "submit"
	ExchangeCheck  = "check"
)

// maxExchanges bounds what one question or send may note, exchangeText the text of one, in bytes.
const (
	maxExchanges = 4
	exchangeText = 120
)

// ExchangeLog gathers the exchanges of one send or question.
type ExchangeLog struct {
	mu  sync.Mutex
	all []Exchange
}

type exchangeLogKey struct{}

// WithExchanges returns a context whose exchanges are gathered in the log.
func WithExchanges(ctx context.Context) (context.Context, *ExchangeLog) {
	l := &ExchangeLog{}
	return context.WithValue(ctx, exchangeLogKey{}, l), l
}

// ExchangeNoter returns what notes an exchange in the context's log, nil where there is none.
func ExchangeNoter(ctx context.Context) func(Exchange) {
	l, ok := ctx.Value(exchangeLogKey{}).(*ExchangeLog)
	if !ok {
		return nil
	}
	return func(x Exchange) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.all) >= maxExchanges { // the last one decides: it stays
			l.all = l.all[1:]
		}
		l.all = append(l.all, x)
	}
}

// Ended returns the exchanges of a send or question that has ended: all of its kind, the last with what was concluded.
func (l *ExchangeLog) Ended(kind string, o Outcome) []Exchange {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.all {
		l.all[i].Kind = kind
	}
	if n := len(l.all); n > 0 {
		last := &l.all[n-1]
		last.Code, last.ProviderCode, last.Text = o.Code, cutText(o.ProviderCode, 40), cutText(o.ProviderMessage, exchangeText)
	}
	return l.all
}

// cutText cuts a text to at most n bytes, not within a character.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}

// ExchangesOf are the exchanges with the provider as far as they are known: those that were kept, and for every other
// answer that moved the top-up one that its history tells of, without its call and its status. Oldest first.
func (t *Topup) ExchangesOf(kept []Exchange) []Exchange {
	var out []Exchange
	left := kept
	for _, m := range t.History {
		for len(left) > 0 && left[0].At.Before(m.At) {
			out, left = append(out, left[0]), left[1:]
		}
		x, ok := exchangeOf(m)
		if ok && !answeredBy(out, x) {
			out = append(out, x)
		}
	}
	return append(out, left...)
}

// exchangeOf is the exchange that a move tells of: the answer to a send, or to a question.
func exchangeOf(m Move) (Exchange, bool) {
	x := Exchange{At: m.At, Code: m.Reason, ProviderCode: m.ProviderCode, Text: cutText(m.ProviderMessage, exchangeText)}
	switch {
	case m.From == Submitting && m.Actor == ActorWorker:
		x.Kind = ExchangeSubmit
	case m.Actor == ActorCheck:
		x.Kind = ExchangeCheck
	default:
		return x, false
	}
	return x, true
}

// recordedWithin is how long after the end of an exchange its answer is in the history.
const recordedWithin = 10 * time.Second

// answeredBy reports whether the last exchange is the one that x tells of.
func answeredBy(out []Exchange, x Exchange) bool {
	if len(out) == 0 {
		return false
	}
	last := out[len(out)-1]
	return last.Kind == x.Kind && last.Call != "" && x.At.Sub(last.At.Add(last.Took)) < recordedWithin
}
