package rechargekit

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
)

const pathPrepaidPlanFetch = "/recharge/prepaidPlanFetch"

// Plan is one prepaid plan. Integrators see either amount, validity and description or planName and
// planDescription; both are read into the same fields.
type Plan struct {
	Amount      string
	Validity    string
	Description string
	Talktime    string
	SMS         string
	Disclaimer  string
}

// Plans are the plans of one operator in one circle, by the provider's category names.
type Plans struct {
	Categories map[string][]Plan
	Raw        json.RawMessage
}

// PrepaidPlanFetch lists the plans of an operator (operator_code) in a circle. Second hand; see Config.PlanMethod.
func (c *Client) PrepaidPlanFetch(ctx context.Context, operatorCode, circle int64) (Plans, error) {
	cl := call{method: c.planMethod, path: pathPrepaidPlanFetch}
	if c.planMethod == http.MethodGet {
		cl.query = url.Values{
			"operator_code": {strconv.FormatInt(operatorCode, 10)},
			"circle":        {strconv.FormatInt(circle, 10)},
		}
	} else {
		cl.body = struct {
			OperatorCode int64 `json:"operator_code"`
			Circle       int64 `json:"circle"`
		}{operatorCode, circle}
	}
	m, err := c.do(ctx, c.read, cl)
	if err != nil {
		return Plans{}, err
	}
	p := Plans{Raw: m.raw}
	if p.Categories, err = parsePlanData(m.values["planData"]); err != nil {
		return Plans{}, &UnreadableError{Op: cl.method + " " + cl.path, Err: err}
	}
	return p, nil
}

// planData holds the categories under plan; the categories come as one object or as a list of objects.
type planData struct {
	Plan json.RawMessage `json:"plan"`
}

// parsePlanData reads planData in its two known shapes: {plan:[{category:[…]}]} and [{plan:{category:[…]}}].
func parsePlanData(raw json.RawMessage) (map[string][]Plan, error) {
	categories := map[string][]Plan{}
	if emptyValue(raw) {
		return categories, nil
	}
	for _, item := range objects(raw) {
		var d planData
		if err := json.Unmarshal(item, &d); err != nil {
			return nil, errors.New("planData has another shape")
		}
		for _, group := range objects(d.Plan) {
			if err := addPlans(categories, group); err != nil {
				return nil, err
			}
		}
	}
	return categories, nil
}

// objects is a list of one for an object, and the items of an array.
func objects(raw json.RawMessage) []json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	if emptyValue(raw) {
		return nil
	}
	return []json.RawMessage{raw}
}

func addPlans(categories map[string][]Plan, group json.RawMessage) error {
	var byName map[string]json.RawMessage
	if err := json.Unmarshal(group, &byName); err != nil {
		return errors.New("planData has another shape")
	}
	for name, list := range byName {
		for _, item := range objects(list) {
			m, err := parseMembers(item)
			if err != nil {
				return errors.New("a plan has another shape")
			}
			categories[name] = append(categories[name], newPlan(m))
		}
	}
	return nil
}

func newPlan(m members) Plan {
	return Plan{
		Amount:      orDefault(m.looseText("amount"), m.looseText("planName")),
		Validity:    m.looseText("validity"),
		Description: orDefault(m.looseText("description"), m.looseText("planDescription")),
		Talktime:    m.looseText("talktime"),
		SMS:         m.looseText("sms"),
		Disclaimer:  m.looseText("disclaimer"),
	}
}
