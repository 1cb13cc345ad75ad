package aatsim

import "time"

// faultKind says what a fault is about.
type faultKind int

const (
	// kindDelivery faults decide how any call is answered, or whether it is.
	kindDelivery faultKind = iota
	// kindRefusal faults are answers that refuse a Perform call.
	kindRefusal
	// kindTransaction faults decide how a transaction goes on. They apply to Perform calls.
	kindTransaction
	// kindStatus faults decide what GetTransactionInfo tells.
	kindStatus
)

// fault describes one fault. before means that nothing is booked.
type fault struct {
	name   string
	kind   faultKind
	before bool
	about  string
}

// faults lists every fault, as GET /_sim/faults shows them.
var faults = [...]fault{
	{"", kindDelivery, false, "no fault; with Delay a slow answer"},
	{"slow", kindDelivery, false, "booked, the answer comes after Delay"},
	{"timeout_before", kindDelivery, true, "nothing booked, no answer until the caller gives up (or Delay), then the connection is cut"},
	{"timeout_after", kindDelivery, false, "booked, no answer until the caller gives up (or Delay), then the connection is cut"},
	{"cut_before", kindDelivery, true, "nothing booked, connection cut without an answer"},
	{"cut_after", kindDelivery, false, "booked, connection cut without an answer"},
	{"drop_kept_alive_after", kindDelivery, false, "booked, connection cut, only on a connection that has carried a call before"},
	{"http_500_before", kindDelivery, true, "nothing booked, HTTP 500 as of an exception"},
	{"http_500_after", kindDelivery, false, "booked, HTTP 500 as of an exception"},
	{"http_502_html_after", kindDelivery, false, "booked, HTTP 502 with an HTML page"},
	{"http_503_after", kindDelivery, false, "booked, HTTP 503"},
	{"http_504_after", kindDelivery, false, "booked, HTTP 504"},
	{"truncated", kindDelivery, false, "booked, the answer ends in the middle"},
	{"empty", kindDelivery, false, "booked, HTTP 200 without a body"},
	{"empty_element", kindDelivery, false, "booked, HTTP 200 with a root element and nothing in it"},
	{"html", kindDelivery, false, "booked, HTTP 200 with an HTML page"},
	{"huge", kindDelivery, false, "booked, an answer of 64 MiB"},
	{"wrong_types", kindDelivery, false, "booked, numbers and booleans are words"},
	{"duplicate_keys", kindDelivery, false, "booked, the last member comes twice with different values"},
	{"redirect", kindDelivery, false, "booked, HTTP 307 to the same address"},
	{"error", kindDelivery, true, "nothing booked, Body (or Code) as the text of Error; with Status other than 200 as text/plain; Body as it is if it starts with <"},
	{"drip", kindDelivery, false, "booked, one byte of the answer per Delay (1 s)"},
	{"unauthorized", kindDelivery, true, "nothing booked, the text for bad credentials; with Status that HTTP status instead"},
	{"duplicate", kindRefusal, true, "nothing booked, the call's own spelling of the duplicate refusal"},
	{"insufficient", kindRefusal, true, "nothing booked, the text about the credit"},
	{"pending", kindTransaction, false, "answer lost, not found for Delay, then Code: success (default), failed or refunded; sent again meanwhile it is booked twice"},
	{"fail", kindTransaction, false, "answer lost, not found for Delay, then failed; never booked"},
	{"reverse", kindTransaction, false, "success at once, after Delay (ReverseAfter) Code: refunded (default) or failed, money back"},
	{"callback_twice", kindTransaction, false, "call-backs come twice"},
	{"not_found", kindStatus, false, "GetTransactionInfo does not know a transaction until Delay after its booking; without Delay always"},
	{"unknown_status", kindStatus, false, "GetTransactionInfo tells Status Queued (or Code)"},
	{"flip_flop", kindStatus, false, "every second GetTransactionInfo tells Failed (or Code), the first one the truth"},
	{"other_amount", kindStatus, false, "GetTransactionInfo tells twice the amount"},
	{"other_number", kindStatus, false, "GetTransactionInfo tells another MSISDN"},
	{"other_reference", kindStatus, false, "GetTransactionInfo tells another, made-up transaction"},
}

func findFault(name string) (fault, bool) {
	for _, f := range faults {
		if f.name == name {
			return f, true
		}
	}
	return fault{}, false
}

// The times of the magic numbers.
const (
	magicPending = 2 * time.Second
	magicSlow    = 1500 * time.Millisecond
	magicHidden  = 3 * time.Second
)

// magicNumber is one line of the table that Options.Magic turns on. The first rule applies to Perform calls whose
// reference is not in the books yet, so that a repeated reference can be recognised; status, where set, applies to
// GetTransactionInfo.
type magicNumber struct {
	digits  string
	about   string
	perform Rule
	status  *Rule
}

func (s *Sim) magicNumbers() []magicNumber {
	return []magicNumber{
		{"9001", "answer lost, not found for 2 s, then success", Rule{Fault: "pending", Delay: magicPending}, nil},
		{"9002", "answer lost, not found for 2 s, then failed", Rule{Fault: "pending", Delay: magicPending, Code: stateFailed}, nil},
		{"9003", "answer lost after booking", Rule{Fault: "cut_after"}, nil},
		{"9004", "connection cut before booking, never booked", Rule{Fault: "cut_before"}, nil},
		{"9005", "refused: " + textRecipient, Rule{Fault: "error", Body: textRecipient}, nil},
		{"9006", "success, later reversed", Rule{Fault: "reverse", Delay: s.opts.ReverseAfter}, nil},
		{"9007", "HTTP 500 after booking", Rule{Fault: "http_500_after"}, nil},
		{"9008", "HTTP 500 before booking", Rule{Fault: "http_500_before"}, nil},
		{"9009", "truncated answer after booking", Rule{Fault: "truncated"}, nil},
		{"9011", "slow answer, 1.5 s", Rule{Delay: magicSlow}, nil},
		{"9012", "answer lost, then not found for 3 s", Rule{Fault: "cut_after"}, &Rule{Fault: "not_found", Delay: magicHidden}},
	}
}

// magic are the rules of a call's recipient.
func (s *Sim) magic(in *inbound) []Rule {
	if len(in.recipient) < 4 {
		return nil
	}
	for _, m := range s.magicNumbers() {
		if m.digits != in.recipient[len(in.recipient)-4:] {
			continue
		}
		switch _, known := s.transactions[in.reference]; {
		case in.pays() && !known:
			return []Rule{m.perform}
		case !in.pays() && m.status != nil:
			return []Rule{*m.status}
		}
	}
	return nil
}
