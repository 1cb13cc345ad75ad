package rechargekitsim

import (
	"net/http"
	"time"
)

// read answers the calls that move no money, modelled on third-party clients.
func (s *Sim) read(in *inbound, about []Rule) outbound {
	want := map[string]string{
		pathStatus: "POST", pathBalance: "GET", pathPlans: "POST GET", pathBill: "POST", pathOperators: "GET",
	}[in.path]
	if want == "" {
		return outbound{status: http.StatusNotFound, body: []byte("<html><body>Cannot find this address</body></html>")}
	}
	if want != in.method && want != "POST GET" {
		return denied()
	}
	switch in.path {
	case pathStatus:
		return s.readStatus(in, about)
	case pathBalance:
		left := s.payBack(s.opts.Clock())
		return reading(map[string]any{"error": 0, "msg": "success", "wallet_amount": left.StringFixed(2), "dmr_wallet_amount": 0})
	case pathPlans:
		return reading(planList())
	case pathBill:
		return reading(map[string]any{"error": 0, "status": 1, "msg": "success", "billAmount": "299"})
	default:
		return reading(operatorList())
	}
}

func reading(v any) outbound { return outbound{status: http.StatusOK, body: encode(v)} }

func (s *Sim) readStatus(in *inbound, about []Rule) outbound {
	o, now := s.orders[in.reference], s.opts.Clock()
	if o == nil || hidden(o, now, about) {
		return refusal("1", s.opts.NotFoundText)
	}
	o.checks++
	status := o.status(now)
	for _, r := range about {
		if r.Fault == "flip_flop" && o.checks%2 == 0 && status != statusPending {
			status = statusSuccess + statusFailed - status
		}
	}
	return outbound{status: http.StatusOK, order: o, body: s.statusBody(o, status)}
}

// hidden reports whether a not_found rule keeps the order out of sight.
func hidden(o *order, now time.Time, about []Rule) bool {
	for _, r := range about {
		if r.Fault == "not_found" && (r.Delay <= 0 || now.Before(o.at.Add(r.Delay))) {
			return true
		}
	}
	return false
}

func planList() map[string]any {
	plan := func(amount, validity, description string) map[string]any {
		return map[string]any{"amount": amount, "validity": validity, "description": description}
	}
	return map[string]any{
		"error": 0, "msg": "success", "status": 1,
		"planData": map[string]any{"circle_id": 23, "_id": "sim", "plan": []any{map[string]any{
			"FULLTT": []any{plan("10", "N/A", "Talktime of Rs. 7.47"), plan("100", "N/A", "Talktime of Rs. 81.75")},
			"DATA":   []any{plan("19", "1 Day", "1 GB of data")},
		}}},
	}
}

func operatorList() map[string]any {
	operator := func(id int, name, service string, category int) map[string]any {
		return map[string]any{
			"operator_id": id, "operator_name": name, "service_name": service,
			"operator_category": category, "operator_category_name": service, "state_name": "",
		}
	}
	return map[string]any{"error": 0, "msg": "success", "status": 1, "operatorList": []any{
		operator(1, "Airtel", "Prepaid", 1), operator(9, "BSNL Top Up", "Prepaid", 1),
		operator(103, "Jio", "Prepaid", 1), operator(1167, "VI", "Prepaid", 1),
	}}
}
