package rechargekitsim

import (
	"net/http"

	"topupq/clients/internal/simulation"
)

// newControl is the calls under /_sim/.
func (s *Sim) newControl() *simulation.Control {
	known := func(name string) bool {
		_, ok := findFault(name)
		return ok
	}
	c := &simulation.Control{Simulator: s, Known: known, Faults: s.faultList, Limit: maxRequest}
	c.More = map[string]http.HandlerFunc{"POST callback": c.Callback(s.SetCallbackURL)}
	return c
}

type faultLine struct {
	Fault string `json:"fault"`
	About string `json:"about"`
}

// faultList is what GET /_sim/faults tells.
func (s *Sim) faultList() any {
	var list []faultLine
	for _, f := range faults {
		list = append(list, faultLine{f.name, f.about})
	}
	if s.opts.Magic {
		for _, m := range s.magicNumbers() {
			list = append(list, faultLine{"number ending in " + m.digits, m.about})
		}
	}
	return list
}
