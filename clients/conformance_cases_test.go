package clients_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"topupq/topup"
)

func serverDown(r *rig) {
	r.server.Close()
	_, err := r.submit(ref("down"))
	var notSent *topup.NotSentError
	if !errors.As(err, &notSent) || notSent.Code != topup.CodeProviderUnreachable {
		r.Errorf("Submit: %v, want a *NotSentError", err)
	}
	r.wantAnswer("Check", r.check(ref("down")), topup.Unclear)
	if _, err := r.provider.Balance(r.Context()); err == nil {
		r.Error("Balance: no error")
	}
	for _, action := range r.provider.Traits().Actions {
		var e *topup.LookupError
		if _, err := r.provider.Lookup(r.Context(), action, r.params[action]); !errors.As(err, &e) {
			r.Errorf("Lookup %s: %v, want a *LookupError", action, err)
		}
	}
}

func cancelled(r *rig) {
	r.warm()
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	out, err := r.provider.Submit(ctx, r.orderOf(ref("cancelled")))
	r.hunt(out, err)
	var notSent *topup.NotSentError
	if out.Answer != topup.Unclear || err != nil && !errors.As(err, &notSent) {
		r.Errorf("Submit: %v, %v", out.Answer, err)
	}
	r.wantBooked(ref("cancelled"), 0)
}

func sameReference(r *rig) {
	id := ref("same")
	r.send(id)
	r.advance(10 * time.Minute)
	r.wantAnswer("first", r.check(id), topup.Delivered)
	for range 3 {
		out := r.wantAnswer("again", r.send(id), topup.Duplicate)
		if out.Code != topup.CodeDuplicateReference {
			r.Errorf("code %q", out.Code)
		}
	}
	r.wantBooked(id, 1)
}

func duplicateFirst(r *rig) {
	id := ref("duplicate first")
	r.pays(rule{Fault: "duplicate", Times: 1})
	r.wantAnswer("Submit", r.send(id), topup.Duplicate)
	r.wantAnswer("Check", r.check(id), topup.Absent, topup.Unclear)
	r.wantBooked(id, 0)
}

func notFound(r *rig) {
	id := ref("not found")
	r.wantAnswer("Check of a stranger", r.check(id), topup.Absent)
	r.pays(rule{Fault: "cut_after", Times: 1})
	r.sim.script(rule{Fault: "not_found", Delay: 10 * time.Minute})
	r.wantAnswer("Submit", r.send(id), topup.Unclear)
	out := r.wantAnswer("Check at first", r.check(id), topup.Absent)
	if out.Code != topup.CodeNotFoundAtProvider {
		r.Errorf("code %q", out.Code)
	}
	r.advance(11 * time.Minute)
	r.wantAnswer("Check later", r.check(id), topup.Delivered)
	r.wantBooked(id, 1)
}

func unknownStatus(r *rig) {
	id := ref("unknown status")
	r.sim.script(rule{Fault: "unknown_status"})
	if out := r.send(id); out.Answer == topup.Refused {
		r.Errorf("Submit: %v", out.Answer)
	}
	r.advance(time.Minute)
	r.wantAnswer("Check", r.check(id), open...)
}

func floatEmpty(r *rig) {
	id := ref("float")
	r.sim.SetBalance("0")
	out := r.wantAnswer("Submit", r.send(id), topup.Blocked)
	if out.Code != topup.CodeFloatEmpty || !out.Pause {
		r.Errorf("code %q, pause %v", out.Code, out.Pause)
	}
	r.wantBooked(id, 0)
	r.sim.SetBalance("1000")
	r.wantAnswer("with money", r.send(id), topup.Delivered, topup.InProgress)
}

func unauthorized(r *rig) {
	id := ref("unauthorized")
	r.warm()
	r.pays(rule{Fault: "unauthorized"})
	r.wantCredentialsRefused(r.submit(id))
	r.wantBooked(id, 0)
}

func wrongCredentials(r *rig) {
	id := ref("credentials")
	r.provider = r.connect(r, r.server.URL, canarySecret+"-of-yesterday", r.now)
	r.wantCredentialsRefused(r.submit(id))
	r.wantBooked(id, 0)
	r.wantAnswer("Check", r.check(id), topup.Unclear)
}

func (r *rig) wantCredentialsRefused(out topup.Outcome, err error) {
	r.Helper()
	if err != nil {
		r.Fatalf("Submit: %v", err)
	}
	r.wantAnswer("Submit", out, topup.Blocked, topup.Unclear)
	if out.Code != topup.CodeCredentialsRefused || !out.Pause {
		r.Errorf("code %q, pause %v", out.Code, out.Pause)
	}
}

func askingNeverBooks(r *rig) {
	known, stranger := ref("known"), ref("stranger")
	r.send(known)
	for range 5 {
		r.advance(time.Minute)
		r.check(known)
		r.check(stranger)
	}
	r.wantBooked(known, 1)
	r.wantBooked(stranger, 0)
	if n := r.paidCalls(known) + r.paidCalls(stranger); n != 1 {
		r.Errorf("%d paying calls", n)
	}
}

func lookupsNeverBook(r *rig) {
	for _, action := range r.provider.Traits().Actions {
		result, err := r.provider.Lookup(r.Context(), action, r.params[action])
		var e *topup.LookupError
		if err != nil && (!errors.As(err, &e) || e.Code == "unknown_action" || e.Message == "") {
			r.Errorf("%s: %v", action, err)
		}
		r.hunt(topup.Outcome{Message: string(result)}, nil)
	}
	for _, action := range append(r.paidActions, "nonsense", "") {
		var e *topup.LookupError
		if _, err := r.provider.Lookup(r.Context(), action, nil); !errors.As(err, &e) || e.Code != "unknown_action" {
			r.Errorf("%s: %v, want unknown_action", action, err)
		}
	}
	if list := r.sim.bookings(); len(list) != 0 {
		r.Errorf("bookings %+v", list)
	}
}

// brokenConnection: net/http repeats some requests by itself when a connection that it uses again breaks.
func brokenConnection(r *rig) {
	for range 3 {
		r.warm()
	}
	for i := range 5 {
		id := ref(fmt.Sprint("broken ", i))
		r.pays(rule{Fault: "drop_kept_alive_after", Times: 1})
		r.wantAnswer("Submit", r.send(id), topup.Unclear, topup.Delivered, topup.InProgress)
		r.wantBooked(id, 1)
		if n := r.paidCalls(id); n != 1 {
			r.Errorf("%d paying calls", n)
		}
		r.advance(10 * time.Minute)
		r.wantAnswer("Check", r.check(id), topup.Delivered)
	}
}

func slowAnswer(r *rig) {
	id := ref("slow")
	r.pays(rule{Fault: "slow", Delay: 50 * time.Millisecond})
	r.wantAnswer("Submit", r.send(id), topup.Delivered, topup.InProgress)
	r.wantBooked(id, 1)
}

// garbledCheck: an unreadable answer to a question teaches nothing.
func garbledCheck(r *rig) {
	id := ref("garbled")
	r.send(id)
	r.advance(time.Minute)
	for _, fault := range []string{"html", "empty", "truncated", "http_500_after", "http_502_html_after", "cut_after", "redirect", "unauthorized"} {
		r.sim.script(rule{Fault: fault, Reference: string(id), Times: 1})
		if out := r.check(id); out.Answer != topup.Unclear && out.Answer != topup.Delivered {
			r.Errorf("%s: %v", fault, out.Answer)
		}
	}
}

func manyAtOnce(r *rig) {
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			id := ref(fmt.Sprint("many ", i))
			if _, err := r.submit(id); err != nil {
				r.Errorf("Submit: %v", err)
			}
			r.check(id)
			r.wantBooked(id, 1)
		})
	}
	group.Wait()
	r.advance(time.Minute)
	for i := range 20 {
		r.wantAnswer("Check", r.check(ref(fmt.Sprint("many ", i))), topup.Delivered)
	}
}

func traits(r *rig) {
	traits := r.provider.Traits()
	if traits.Name != r.name || traits.Hold <= 0 || !traits.RefusesRepeat || len(traits.Actions) == 0 {
		r.Errorf("traits %+v", traits)
	}
	if len(slices.Compact(slices.Sorted(slices.Values(traits.Actions)))) != len(traits.Actions) {
		r.Errorf("an action twice: %v", traits.Actions)
	}
	for _, action := range traits.Catalogue {
		if !slices.Contains(traits.Actions, action) || slices.ContainsFunc(traits.Owned, func(o topup.OwnedAction) bool { return o.Action == action }) {
			r.Errorf("%s cannot be of the catalogue", action)
		}
	}
	if len(traits.Catalogue) == 0 || len(traits.Owned) == 0 {
		r.Errorf("catalogue %v, owned %v", traits.Catalogue, traits.Owned)
	}
	for _, o := range traits.Owned {
		if !slices.Contains(traits.Actions, o.Action) || o.Reference == "" && o.Transaction == "" && (o.Rows == "" || o.Told == "") {
			r.Errorf("whose top-ups does %+v tell of?", o)
		}
	}
}

// repeatWhilePending holds RepeatKnownAfterSuccess against the simulator: an order that has not ended refuses its
// repeat, unless the provider is declared to know a reference only once it has succeeded.
func repeatWhilePending(r *rig) {
	id := ref("repeat")
	r.pays(rule{Fault: "pending", Delay: 10 * time.Minute, Times: 1})
	r.send(id)
	again := r.send(id)
	if r.provider.Traits().RepeatKnownAfterSuccess {
		if again.Answer == topup.Duplicate {
			r.Error("the repeat was refused although the traits say that it is not")
		}
		return
	}
	r.wantAnswer("again", again, topup.Duplicate)
	r.wantBooked(id, 1)
}

// repeatWhileHidden shows what stands behind a wrong proof of absence: the provider refuses the repeat of an order that
// it does not show. Where AbsenceByAnswer is false this repeat is the only proof there is.
func repeatWhileHidden(r *rig) {
	id := ref("hidden")
	r.send(id)
	r.advance(time.Minute)
	r.wantAnswer("Check", r.check(id), topup.Delivered)
	r.sim.script(rule{Fault: "not_found"})
	r.wantAnswer("Check while hidden", r.check(id), topup.Absent)
	r.wantAnswer("again", r.send(id), topup.Duplicate)
	r.wantBooked(id, 1)
}

// resolvedProduct: what an adapter found out about an order is enough to send the next one without asking again.
func resolvedProduct(r *rig) {
	resolved := r.send(ref("resolves")).Resolved
	if resolved == nil {
		return
	}
	r.advance(time.Minute)
	r.order.Product = *resolved
	before := len(r.sim.requests())
	r.wantAnswer("Submit", r.send(ref("resolved")), topup.Delivered, topup.InProgress)
	if calls := len(r.sim.requests()) - before; calls != 1 {
		r.Errorf("%d calls for a product that is known", calls)
	}
}

func balance(r *rig) {
	r.sim.SetBalance("1234.50")
	got, err := r.provider.Balance(r.Context())
	if err != nil || got.Text() != "1234.50" || got.Currency == "" {
		r.Errorf("%v, %v", got, err)
	}
	if want := r.provider.Traits().Currency; want != "" && got.Currency != want {
		r.Errorf("currency %s, traits say %s", got.Currency, want)
	}
}
