package clients_test

import (
	"testing"
	"time"

	"topupq/topup"
)

// TestConformance is what every adapter must show against its simulator: what an answer proves, and what it does not.
func TestConformance(t *testing.T) {
	t.Parallel()
	for _, b := range backends() {
		t.Run(string(b.name)+" by "+b.way, func(t *testing.T) {
			t.Parallel()
			for _, c := range conformance {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(b.start(t))
				})
			}
			for _, fault := range lostAnswers {
				t.Run("answer lost: "+fault.Fault, func(t *testing.T) {
					t.Parallel()
					answerLost(b.start(t), fault)
				})
			}
			for _, fault := range []string{"timeout_before", "http_500_before"} {
				t.Run("never booked: "+fault, func(t *testing.T) {
					t.Parallel()
					neverBooked(b.start(t), fault)
				})
			}
			for _, fault := range []string{"other_amount", "other_number", "other_reference"} {
				t.Run("another order: "+fault, func(t *testing.T) {
					t.Parallel()
					anotherOrder(b.start(t), fault)
				})
			}
		})
	}
}

var conformance = []struct {
	name string
	run  func(*rig)
}{
	{"success", success},
	{"refusal", refusal},
	{"pending, then success", pendingThenSuccess},
	{"pending, then failure", pendingThenFailure},
	{"success, then reversed", reversed},
	{"server down", serverDown},
	{"cancelled before it starts", cancelled},
	{"same reference again", sameReference},
	{"duplicate on the first send", duplicateFirst},
	{"not found is absent", notFound},
	{"status that nobody knows", unknownStatus},
	{"float empty", floatEmpty},
	{"unauthorized", unauthorized},
	{"wrong credentials", wrongCredentials},
	{"asking never books", askingNeverBooks},
	{"lookups never book", lookupsNeverBook},
	{"broken kept-alive connection", brokenConnection},
	{"slow answer", slowAnswer},
	{"garbled check", garbledCheck},
	{"many at once", manyAtOnce},
	{"traits", traits},
	{"repeat while pending", repeatWhilePending},
	{"repeat while hidden", repeatWhileHidden},
	{"resolved product", resolvedProduct},
	{"balance", balance},
}

// patience is the deadline of sends that must run into it.
const patience = time.Second

// open are the answers of a send whose outcome is not known yet.
var open = []topup.Answer{topup.Unclear, topup.InProgress}

func success(r *rig) {
	id := ref("success")
	r.wantAnswer("Submit", r.send(id), topup.Delivered, topup.InProgress)
	r.advance(time.Minute)
	out := r.wantAnswer("Check", r.check(id), topup.Delivered)
	r.wantBooked(id, 1)
	for _, b := range r.sim.bookings() {
		if b.TransactionID != out.TransactionID || b.State != "booked" {
			r.Errorf("booking %+v, outcome tells transaction %q", b, out.TransactionID)
		}
	}
	if out.Code != topup.CodeDelivered || out.Message == "" {
		r.Errorf("code %q, message %q", out.Code, out.Message)
	}
}

func refusal(r *rig) {
	id := ref("refusal")
	r.pays(r.refusal)
	out := r.wantAnswer("Submit", r.send(id), topup.Refused)
	if out.Code == "" || out.Message == "" {
		r.Errorf("code %q, message %q", out.Code, out.Message)
	}
	r.wantBooked(id, 0)
	r.wantAnswer("Check", r.check(id), topup.Absent, topup.Refused, topup.Unclear)
}

func pendingThenSuccess(r *rig) {
	id := ref("pending")
	r.pays(rule{Fault: "pending", Delay: 10 * time.Minute})
	r.wantAnswer("Submit", r.send(id), open...)
	r.wantAnswer("Check while pending", r.check(id), topup.InProgress, topup.Absent)
	r.advance(11 * time.Minute)
	r.wantAnswer("Check at the end", r.check(id), topup.Delivered)
	r.wantBooked(id, 1)
}

func pendingThenFailure(r *rig) {
	id := ref("fails")
	r.pays(rule{Fault: "pending", Delay: 10 * time.Minute, Code: "failed"})
	r.wantAnswer("Submit", r.send(id), open...)
	r.wantAnswer("Check while pending", r.check(id), topup.InProgress, topup.Absent)
	r.advance(11 * time.Minute)
	out := r.wantAnswer("Check at the end", r.check(id), topup.Refused)
	if _, state := r.booked(id); state == "booked" || out.Code != topup.CodeProviderFailed && out.Code != topup.CodeProviderRefunded {
		r.Errorf("state %q, code %q", state, out.Code)
	}
}

func reversed(r *rig) {
	id := ref("reversed")
	r.pays(rule{Fault: "reverse", Delay: time.Hour})
	r.wantAnswer("Submit", r.send(id), topup.Delivered, topup.InProgress)
	r.wantAnswer("Check at first", r.check(id), topup.Delivered)
	r.advance(2 * time.Hour)
	r.wantAnswer("Check later", r.check(id), topup.Refused)
}

// lostAnswers are the ways in which the answer to a paying call is lost after the booking. Nothing is proved by any.
var lostAnswers = []rule{
	{Fault: "cut_after"}, {Fault: "timeout_after"}, {Fault: "drip", Delay: 100 * time.Millisecond},
	{Fault: "http_500_after"}, {Fault: "http_502_html_after"}, {Fault: "http_503_after"}, {Fault: "http_504_after"},
	{Fault: "truncated"}, {Fault: "empty"}, {Fault: "html"}, {Fault: "huge"}, {Fault: "wrong_types"},
	{Fault: "duplicate_keys"}, {Fault: "redirect"},
}

func answerLost(r *rig, fault rule) {
	id := ref("lost")
	r.warm()
	fault.Times = 1
	r.pays(fault)
	limit := time.Duration(0)
	if fault.Fault == "timeout_after" || fault.Fault == "drip" {
		limit = patience
	}
	out, err := r.submitWithin(id, limit)
	if err != nil {
		r.Fatalf("Submit: %v", err)
	}
	allowed := []topup.Answer{topup.Unclear}
	if fault.Fault == "wrong_types" {
		// Numbers written as text are read.
		allowed = open
	}
	r.wantAnswer("Submit", out, allowed...)
	if out.Code == "" || out.Message == "" {
		r.Errorf("code %q, message %q", out.Code, out.Message)
	}
	r.advance(time.Minute)
	r.wantAnswer("Check", r.check(id), topup.Delivered)
	r.wantBooked(id, 1)
	if n := r.paidCalls(id); n != 1 {
		r.Errorf("%d paying calls", n)
	}
}

// warm makes everything that comes before a paying call: token and catalogue.
func (r *rig) warm() {
	r.Helper()
	r.send(ref("warming up"))
	r.advance(time.Minute)
}

func neverBooked(r *rig, fault string) {
	id := ref("never")
	r.warm()
	r.pays(rule{Fault: fault, Times: 1})
	limit := time.Duration(0)
	if fault == "timeout_before" {
		limit = patience
	}
	out, err := r.submitWithin(id, limit)
	if err != nil {
		r.Fatalf("Submit: %v", err)
	}
	r.wantAnswer("Submit", out, topup.Unclear)
	r.advance(time.Minute)
	r.wantAnswer("Check", r.check(id), topup.Absent, topup.Unclear)
	r.wantBooked(id, 0)
	r.wantAnswer("Submit again", r.send(id), topup.Delivered, topup.InProgress)
	r.advance(time.Minute)
	r.wantAnswer("Check again", r.check(id), topup.Delivered)
	r.wantBooked(id, 1)
}

func anotherOrder(r *rig, fault string) {
	id := ref("another")
	r.sim.script(rule{Fault: fault})
	out := r.send(id)
	r.advance(time.Minute)
	// Not every answer to a paying call tells what it is about; what it does tell is never taken for a failure, and a
	// success has its booking.
	r.wantAnswer("Submit", out, topup.Delivered, topup.InProgress, topup.Mismatch, topup.Unclear)
	r.wantBooked(id, 1)
	checked := r.check(id)
	if checked.Answer == topup.Delivered || checked.Answer == topup.Refused || checked.Answer == topup.Absent {
		r.Errorf("Check: %v (%s)", checked.Answer, checked.Code)
	}
	if fault != "other_reference" {
		r.wantAnswer("Check", checked, topup.Mismatch)
		if checked.Code != topup.CodeMismatch || !checked.Pause {
			r.Errorf("code %q, pause %v", checked.Code, checked.Pause)
		}
	}
}
