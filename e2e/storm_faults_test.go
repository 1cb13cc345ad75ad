package e2e

import (
	"fmt"
	"math/rand/v2"
	"time"

	"topupq/e2e/harness"
	"topupq/topup"
)

// ailment is one fault of a provider as the storm uses it.
type ailment struct {
	harness.Rule
	// lies means that the provider then tells an untruth about the outcome itself.
	lies bool
	// pauses means that the answer stops the whole provider for a while, so it is rationed.
	pauses bool
}

func once(fault string) ailment { return ailment{Rule: harness.Rule{Fault: fault, Times: 1}} }

func onceFor(fault string, d time.Duration) ailment {
	return ailment{Rule: harness.Rule{Fault: fault, Times: 1, Delay: d}}
}

func pausing(a ailment) ailment { a.pauses = true; return a }

func withCode(a ailment, code string) ailment { a.Code = code; return a }

// answers are faults of a paying call that all simulators know.
func answers() []ailment {
	return []ailment{
		onceFor("timeout_before", 3*time.Second), onceFor("timeout_after", 3*time.Second), once("cut_after"), once("drop_kept_alive_after"),
		once("http_500_before"), once("http_500_after"), once("http_502_html_after"), once("http_503_after"), once("http_504_after"),
		once("truncated"), once("empty"), once("html"), once("huge"), once("wrong_types"), once("duplicate_keys"), once("duplicate"),
		onceFor("drip", 200*time.Millisecond), onceFor("slow", 1500*time.Millisecond), pausing(once("redirect")),
		pausing(once("insufficient")), pausing(once("unauthorized")),
	}
}

// payFaults are what may become of a provider's paying calls.
func payFaults(p topup.ProviderName) []ailment {
	switch p {
	case topup.Reloadly:
		busy := once("error")
		busy.Status = 429
		return append(answers(), once("recently_recharged"), busy)
	case topup.AAT:
		odd := once("error")
		odd.Body = "Object moved to a place that no guide mentions"
		return append(answers(), once("cut_before"), once("empty_element"), odd)
	default:
		odd := once("error")
		odd.Body = "Operator is taking a nap"
		return append(answers(), once("cut_before"), once("bare_text"), once("unknown_status"), odd,
			pausing(once("other_amount")), pausing(once("other_number")), pausing(once("other_reference")))
	}
}

// reverseAfter is when a provider takes back what it has delivered.
const reverseAfter = 5 * time.Second

// fates are what may become of an order once it is taken.
func fates(p topup.ProviderName) []ailment {
	switch p {
	case topup.Reloadly:
		return []ailment{
			onceFor("pending", 3*time.Second), withCode(onceFor("pending", 2*time.Second), "failed"), withCode(onceFor("pending", time.Second), "refunded"),
			once("fail"), onceFor("reverse", reverseAfter), once("flip_flop"), onceFor("not_found", 6*time.Second), onceFor("not_found", time.Second),
			pausing(once("other_amount")), pausing(once("other_number")), once("other_reference"), once("unknown_status"),
		}
	case topup.AAT:
		// An order at work is found by nobody; the provider's word is that this lasts no longer than its hold time.
		return []ailment{
			onceFor("pending", 700*time.Millisecond), withCode(onceFor("pending", 500*time.Millisecond), "failed"), onceFor("fail", 500*time.Millisecond),
			onceFor("reverse", reverseAfter), once("callback_twice"), onceFor("not_found", 6*time.Second), onceFor("not_found", time.Second),
			withCode(once("flip_flop"), "Queued"), once("unknown_status"), pausing(once("other_amount")), pausing(once("other_number")), once("other_reference"),
		}
	default:
		flips := ailment{Rule: harness.Rule{Fault: "flip_flop", Times: 4}, lies: true}
		return []ailment{
			onceFor("pending", 3*time.Second), withCode(onceFor("pending", 2*time.Second), "failed"), withCode(onceFor("pending", time.Second), "refunded"),
			onceFor("fail", time.Second), once("refuse"), onceFor("reverse", reverseAfter), once("no_optransid"), once("callback_before"), once("callback_twice"),
			onceFor("not_found", 6*time.Second), onceFor("not_found", time.Second), flips,
		}
	}
}

// askFaults are what may become of a question.
func askFaults() []ailment {
	return []ailment{
		once("http_500_after"), once("truncated"), once("empty"), once("html"), onceFor("timeout_after", 3*time.Second), once("cut_after"),
		once("wrong_types"), onceFor("slow", time.Second),
	}
}

// payPath is the path of a subject's paying call, askPath that of the questions about it, as the simulators' rules
// take them.
func payPath(s *harness.Subject) string {
	switch s.Provider() {
	case topup.Reloadly:
		if s.Order.Product["mode"] == "sync" {
			return "/topups"
		}
		return "/topups-async"
	case topup.AAT:
		return "*/Perform*"
	default:
		return "/recharge/p*"
	}
}

func askPath(p topup.ProviderName) string {
	return map[topup.ProviderName]string{
		topup.Reloadly: "/topups/*", topup.AAT: "*/GetTransactionInfo", topup.RechargeKit: "/recharge/statusCheck",
	}[p]
}

// pauseEvery is how many top-ups come on one that stops its provider.
const pauseEvery = 120

// infect scripts the simulators: a good part of the top-ups gets a fault of its paying call, of its fate, of the
// questions about it, or several. It returns how often each fault was dealt out.
func infect(sims *harness.Sims, subjects []*harness.Subject, rnd *rand.Rand) map[string]int {
	dealt := map[string]int{}
	for i, s := range subjects {
		mayPause := i%pauseEvery == 0
		deal := func(share float64, from []ailment, path, where string) {
			if rnd.Float64() >= share {
				return
			}
			a := from[rnd.IntN(len(from))]
			for a.pauses && !mayPause {
				a = from[rnd.IntN(len(from))]
			}
			mayPause = mayPause && !a.pauses
			a.Path = path
			sims.Script(s.Provider(), s.ID, a.Rule)
			s.Lies = s.Lies || a.lies
			s.Faults = append(s.Faults, fmt.Sprintf("%s: %s %s %s", where, a.Fault, a.Code, a.Delay))
			dealt[a.Fault]++
		}
		p := s.Provider()
		deal(0.45, payFaults(p), payPath(s), "paying call")
		deal(0.30, fates(p), "", "order")
		deal(0.20, askFaults(), askPath(p), "question")
		deal(0.10, askFaults(), askPath(p), "question")
	}
	return dealt
}
