package bulksmssim

// kind says what a fault is about.
type kind int

const (
	// kindDelivery faults decide what is answered, or whether anything is.
	kindDelivery kind = iota
	// kindMessage faults decide how a message goes on. They apply to sends only.
	kindMessage
	// kindRead faults decide what reading messages tells.
	kindRead
)

// fault describes one fault. before means that nothing is sent.
type fault struct {
	name   string
	kind   kind
	before bool
	about  string
}

// faults lists every fault, as GET /_sim/faults shows them.
var faults = []fault{
	{"", kindDelivery, false, "no fault; with Delay a slow answer"},
	{"slow", kindDelivery, false, "sent, the answer comes after Delay"},
	{"timeout_before", kindDelivery, true, "nothing sent, no answer until the caller gives up (or Delay), then the connection is cut"},
	{"timeout_after", kindDelivery, false, "sent, no answer until the caller gives up (or Delay), then the connection is cut"},
	{"cut_before", kindDelivery, true, "nothing sent, connection cut without an answer"},
	{"cut_after", kindDelivery, false, "sent, connection cut without an answer"},
	{"drop_kept_alive_after", kindDelivery, false, "sent, connection cut, only on a connection that has carried a call before"},
	{"http_500_before", kindDelivery, true, "nothing sent, HTTP 500"},
	{"http_500_after", kindDelivery, false, "sent, HTTP 500"},
	{"http_502_html_after", kindDelivery, false, "sent, HTTP 502 with an HTML page"},
	{"http_503_after", kindDelivery, false, "sent, HTTP 503"},
	{"http_504_after", kindDelivery, false, "sent, HTTP 504"},
	{"truncated", kindDelivery, false, "sent, the answer ends in the middle"},
	{"empty", kindDelivery, false, "sent, an answer without a body"},
	{"html", kindDelivery, false, "sent, an HTML page as the answer"},
	{"huge", kindDelivery, false, "sent, an answer of 64 MiB"},
	{"wrong_types", kindDelivery, false, "sent, status is a number"},
	{"unknown_status", kindDelivery, false, "sent, status type PONDERING (or Code)"},
	{"duplicate_keys", kindDelivery, false, "sent, id comes twice with different values"},
	{"other_number", kindDelivery, false, "sent, the answer tells another number"},
	{"other_reference", kindDelivery, false, "sent, the answer tells another userSuppliedId"},
	{"redirect", kindDelivery, false, "sent, HTTP 307 to the same address"},
	{"error", kindDelivery, true, "nothing sent, HTTP Status (400) with error type Code (bad-request) and detail Body; Body as it is if it starts with { or <"},
	{"rate_limited", kindDelivery, true, "nothing sent, HTTP 429 with Retry-After (not described by BulkSMS)"},
	{"drip", kindDelivery, false, "sent, one byte of the answer per Delay (1 s)"},
	{"unauthorized", kindDelivery, true, "nothing sent, HTTP 401"},
	{"insufficient", kindDelivery, true, "nothing sent, HTTP 403 insufficient-credits"},
	{"pending", kindMessage, false, "SENT until Delay, then Code: success (default) or failed"},
	{"fail", kindMessage, false, "accepted, after Delay (SettleAfter) FAILED with subtype Code (NOT_SENT)"},
	{"refuse", kindMessage, false, "FAILED in the answer to the send, with subtype Code (NOT_SENT)"},
	{"never_reported", kindMessage, false, "stays SENT for ever"},
	{"webhook_twice", kindMessage, false, "every report comes twice"},
	{"webhook_disorder", kindMessage, false, "the last report comes first"},
	{"not_found", kindRead, false, "reading does not show a message until Delay after the send; without Delay never"},
}

func findFault(name string) (fault, bool) {
	for _, f := range faults {
		if f.name == name {
			return f, true
		}
	}
	return fault{}, false
}

// magicNumber is one line of the table that Options.Magic turns on. sendOnly rules are for sends, and not for repeats
// of one: the answer to a resend is not lost again.
type magicNumber struct {
	digits   string
	about    string
	sendOnly bool
	rule     Rule
}

var magicNumbers = []magicNumber{
	{"9001", "SENT for 2 s, then DELIVERED", true, Rule{Fault: "pending", Delay: magicPending}},
	{"9002", "SENT for 2 s, then FAILED", true, Rule{Fault: "pending", Delay: magicPending, Code: "failed"}},
	{"9003", "answer lost after sending", true, Rule{Fault: "cut_after"}},
	{"9004", "connection cut before sending, never sent", true, Rule{Fault: "cut_before"}},
	{"9005", "refused: HTTP 400", true, Rule{Fault: "error"}},
	{"9007", "HTTP 500 after sending", true, Rule{Fault: "http_500_after"}},
	{"9008", "HTTP 500 before sending", true, Rule{Fault: "http_500_before"}},
	{"9009", "truncated answer after sending", true, Rule{Fault: "truncated"}},
	{"9011", "slow answer, 1.5 s", true, Rule{Delay: magicSlow}},
	{"9012", "answer lost, and not found for 3 s", true, Rule{Fault: "cut_after"}},
	{"9012", "", false, Rule{Fault: "not_found", Delay: magicHidden}},
}

// magic are the rules of a call's recipient.
func (s *Sim) magic(in *inbound) []Rule {
	if len(in.recipient) < 4 {
		return nil
	}
	var rules []Rule
	for _, m := range magicNumbers {
		if m.digits != in.recipient[len(in.recipient)-4:] || m.sendOnly && (!in.sends || in.repeat) {
			continue
		}
		rules = append(rules, m.rule)
	}
	return rules
}
