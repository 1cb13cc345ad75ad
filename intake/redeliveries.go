package intake

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// redeliveryView is an order to send events again.
type redeliveryView struct {
	ID          string     `json:"id"`
	State       string     `json:"state"`
	From        time.Time  `json:"from"`
	To          time.Time  `json:"to"`
	States      []string   `json:"states"`
	Seen        int64      `json:"seen"`
	Redelivered int64      `json:"redelivered"`
	CreatedAt   time.Time  `json:"created_at"`
	DoneAt      *time.Time `json:"done_at"`
}

func viewRedelivery(r *topup.Redelivery) redeliveryView {
	v := redeliveryView{
		ID: r.ID, State: "running", From: r.From.UTC(), To: r.To.UTC(), Seen: r.Seen, Redelivered: r.Redelivered,
		CreatedAt: r.CreatedAt.UTC(), DoneAt: timeOrNull(r.DoneAt), States: []string{},
	}
	if v.DoneAt != nil {
		v.State = "done"
	}
	for _, st := range r.States {
		v.States = append(v.States, st.String())
	}
	return v
}

// redeliverRange takes an order to send the events of a range of time again: those that have failed or are parked, unless
// it names other states. The scheduler carries it out.
func (s *Server) redeliverRange(w http.ResponseWriter, r *http.Request, c caller) error {
	body, err := readJSON(r)
	if err != nil {
		return err
	}
	now := s.now()
	order := &topup.Redelivery{
		ID: "red" + strings.ToLower(topup.NewLookupID()), Merchant: c.merchant.ID, To: now, RunAt: now, CreatedAt: now,
		States: []topup.CallbackState{topup.CallbackFailed, topup.CallbackParked},
	}
	var m mistakes
	readRedelivery(&body, &m, order)
	if err := m.err(); err != nil {
		return err
	}
	ctx, cancel := s.writing(r.Context())
	defer cancel()
	if err := s.cfg.Store.PutRedelivery(ctx, order); err != nil {
		return err
	}
	s.log.Info("callbacks of a range to be delivered again", zap.String("merchant", string(c.merchant.ID)), zap.String("redelivery", order.ID))
	w.Header().Set("Location", "/v1/redeliveries/"+order.ID)
	writeJSON(w, http.StatusAccepted, viewRedelivery(order))
	return nil
}

func readRedelivery(v *value, m *mistakes, order *topup.Redelivery) {
	if v.kind != kindObject {
		m.add("", fieldType, "must be an object")
		return
	}
	for i, name := range v.names {
		item := &v.items[i]
		switch {
		case !slices.Contains([]string{"from", "to", "states"}, name):
			m.unknown("", name)
		case item.kind == kindNull:
		case name == "from":
			order.From = readTime(item, m, name)
		case name == "to":
			order.To = readTime(item, m, name)
		default:
			order.States = readCallbackStates(item, m)
		}
	}
	if len(m.list) == 0 && order.From.IsZero() {
		m.add("from", fieldRequired, "is missing: a time such as 2026-11-23T00:00:00Z")
	}
	if len(m.list) == 0 && !order.From.Before(order.To) {
		m.add("to", fieldInvalid, "must be later than from")
	}
}

func readTime(v *value, m *mistakes, name string) time.Time {
	text := m.text(v, "", name)
	t, err := time.Parse(time.RFC3339, text)
	if err != nil && v.kind == kindString {
		m.add(name, fieldInvalid, "must be a time such as 2026-11-23T00:00:00Z")
	}
	return t.UTC()
}

func readCallbackStates(v *value, m *mistakes) []topup.CallbackState {
	var states []topup.CallbackState
	for i, name := range m.texts(v, "", "states") {
		st, ok := parseCallbackState(name)
		if !ok {
			m.add("states["+strconv.Itoa(i)+"]", fieldInvalid, quoted(name)+" is no state of a callback")
		} else if !slices.Contains(states, st) {
			states = append(states, st)
		}
	}
	if v.kind == kindArray && len(v.items) == 0 {
		m.add("states", fieldInvalid, "must name a state, or be left out")
	}
	return states
}

// parseCallbackState is the state of a name.
func parseCallbackState(name string) (topup.CallbackState, bool) {
	for st := topup.CallbackWaiting; st <= topup.CallbackSkipped; st++ {
		if st.String() == name {
			return st, true
		}
	}
	return 0, false
}

// getRedelivery answers with how far an order has come.
func (s *Server) getRedelivery(w http.ResponseWriter, r *http.Request, c caller) error {
	ctx, cancel := s.reading(r.Context())
	defer cancel()
	order, err := s.cfg.Store.GetRedelivery(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	if order.Merchant != c.merchant.ID {
		return notFound()
	}
	writeJSON(w, http.StatusOK, viewRedelivery(order))
	return nil
}

// unparkAgain is when parked callbacks are looked for a second time after an endpoint was set: a sender may believe the
// settings of before for some seconds.
const unparkAgain = time.Minute

// unpark has the callbacks sent that were parked while the endpoint was off. What cannot be ordered now is ordered by the
// next change of the endpoint, or by the merchant.
func (s *Server) unpark(ctx context.Context, c caller) {
	ctx, cancel := s.writing(ctx)
	defer cancel()
	now := s.now()
	for i, wait := range []time.Duration{0, unparkAgain} {
		at := now.Add(wait)
		err := s.cfg.Store.PutRedelivery(ctx, &topup.Redelivery{
			ID: "unpark" + strconv.Itoa(i) + string(c.merchant.ID), Merchant: c.merchant.ID, To: at, RunAt: at, CreatedAt: now,
			States: []topup.CallbackState{topup.CallbackParked},
		})
		if err != nil {
			s.log.Warn("parked callbacks stay parked", zap.String("merchant", string(c.merchant.ID)), zap.Error(err))
		}
	}
}
