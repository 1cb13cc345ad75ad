package rechargekitsim

// kind says what a fault is about.
type kind int

const (
	// kindDelivery faults decide what is answered, or whether anything is.
	kindDelivery kind = iota
	// kindOrder faults decide how an order goes on. They apply to recharges only.
	kindOrder
	// kindStatus faults decide what statusCheck tells.
	kindStatus
)

// fault describes one fault. before means that the order is not booked.
type fault struct {
	name   string
	kind   kind
	before bool
	about  string
}

// faults lists every fault, as GET /_sim/faults shows them.
var faults = []fault{
	{"", kindDelivery, false, "no fault; with Delay a slow answer"},
	{"slow", kindDelivery, false, "booked, the answer comes after Delay"},
	{"timeout_before", kindDelivery, true, "nothing booked, no answer until the caller gives up (or Delay), then the connection is cut"},
	{"timeout_after", kindDelivery, false, "booked, no answer until the caller gives up (or Delay), then the connection is cut"},
	{"cut_before", kindDelivery, true, "nothing booked, connection cut without an answer"},
	{"cut_after", kindDelivery, false, "booked, connection cut without an answer"},
	{"drop_kept_alive_after", kindDelivery, false, "booked, connection cut, only on a connection that has carried a call before"},
	{"http_500_before", kindDelivery, true, "nothing booked, HTTP 500"},
	{"http_500_after", kindDelivery, false, "booked, HTTP 500"},
	{"http_502_html_after", kindDelivery, false, "booked, HTTP 502 with an HTML page"},
	{"http_503_after", kindDelivery, false, "booked, HTTP 503"},
	{"http_504_after", kindDelivery, false, "booked, HTTP 504"},
	{"truncated", kindDelivery, false, "booked, the answer ends in the middle"},
	{"empty", kindDelivery, false, "booked, HTTP 200 without a body"},
	{"html", kindDelivery, false, "booked, HTTP 200 with an HTML page"},
	{"huge", kindDelivery, false, "booked, an answer of 64 MiB"},
	{"bare_text", kindDelivery, false, "booked, msg without quotes, as printed on the provider's page"},
	{"wrong_types", kindDelivery, false, "booked, status is an object"},
	{"unknown_status", kindDelivery, false, "booked, status 7 (or Code)"},
	{"duplicate_keys", kindDelivery, false, "booked, status comes twice with different values"},
	{"other_amount", kindDelivery, false, "booked, the answer tells another amount"},
	{"other_number", kindDelivery, false, "booked, the answer tells another mobile_no (not a documented member)"},
	{"other_reference", kindDelivery, false, "booked, the answer tells another partnerreqid"},
	{"redirect", kindDelivery, false, "booked, HTTP 307 to the same address"},
	{"error", kindDelivery, true, "nothing booked, HTTP Status (200) with error Code (1) and msg Body; Body as it is if it starts with { or <"},
	{"duplicate", kindDelivery, true, "nothing booked, the duplicate refusal"},
	{"drip", kindDelivery, false, "booked, one byte of the answer per Delay (1 s)"},
	{"unauthorized", kindDelivery, true, "nothing booked, HTTP 401 access denied"},
	{"insufficient", kindDelivery, true, "nothing booked, error 1 Insufficient balance (made-up text)"},
	{"pending", kindOrder, false, "pending for Delay, then Code: success (default), failed or refunded"},
	{"fail", kindOrder, false, "accepted, after Delay (SettleAfter) final failure, money back"},
	{"refuse", kindOrder, false, "error 0 with status 3 at once; nothing booked"},
	{"reverse", kindOrder, false, "success at once, after Delay (ReverseAfter) failed and money back"},
	{"no_optransid", kindOrder, false, "success tells no optransid"},
	{"callback_before", kindOrder, false, "the call-back of the outcome comes before the answer"},
	{"callback_twice", kindOrder, false, "call-backs come twice"},
	{"not_found", kindStatus, false, "statusCheck does not know an order until Delay after its booking; without Delay always"},
	{"flip_flop", kindStatus, false, "every second statusCheck tells the opposite (1 for 3, 3 for 1)"},
}

func findFault(name string) (fault, bool) {
	for _, f := range faults {
		if f.name == name {
			return f, true
		}
	}
	return fault{}, false
}

// magicNumber is one line of the table that Options.Magic turns on.
type magicNumber struct {
	digits string
	about  string
	rules  []Rule
}

func (s *Sim) magicNumbers() []magicNumber {
	return []magicNumber{
		{"9001", "pending for 2 s, then success", []Rule{{Fault: "pending", Delay: magicPending}}},
		{"9002", "pending for 2 s, then failed", []Rule{{Fault: "pending", Delay: magicPending, Code: "failed"}}},
		{"9003", "answer lost after booking", []Rule{payOnly("cut_after")}},
		{"9004", "connection cut before booking, never booked", []Rule{payOnly("cut_before")}},
		{"9005", "refused: error 0, status 3", []Rule{{Fault: "refuse"}}},
		{"9006", "success, later reversed", []Rule{{Fault: "reverse", Delay: s.opts.ReverseAfter}}},
		{"9007", "HTTP 500 after booking", []Rule{payOnly("http_500_after")}},
		{"9008", "HTTP 500 before booking", []Rule{payOnly("http_500_before")}},
		{"9009", "truncated answer after booking", []Rule{payOnly("truncated")}},
		{"9011", "slow answer, 1.5 s", []Rule{{Match: Match{Path: payPaths}, Delay: magicSlow}}},
		{"9012", "answer lost, then not found for 3 s", []Rule{payOnly("cut_after"), {Fault: "not_found", Delay: magicHidden}}},
	}
}

func payOnly(fault string) Rule { return Rule{Match: Match{Path: payPaths}, Fault: fault} }

// magic are the rules of a call's recipient.
func (s *Sim) magic(in *inbound) []Rule {
	if len(in.recipient) < 4 {
		return nil
	}
	_, known := s.orders[in.reference]
	for _, m := range s.magicNumbers() {
		if m.digits != in.recipient[len(in.recipient)-4:] {
			continue
		}
		var rules []Rule
		for _, r := range m.rules {
			// The answer to a repeated reference is not lost again, so that a resend can find out.
			if r.Match.Path != payPaths || in.pays && !known {
				r.Match.Path = ""
				rules = append(rules, r)
			}
		}
		return rules
	}
	return nil
}
