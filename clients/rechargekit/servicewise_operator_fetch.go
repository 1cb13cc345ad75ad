package rechargekit

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
)

const pathServicewiseOperatorFetch = "/recharge/servicewiseOperatorFetch"

// Operator is one operator of a service category. Its ID is used as operator_code.
type Operator struct {
	ID           Number
	Name         string
	ServiceName  string
	Category     Number
	CategoryName string
	StateName    string
}

// Operators are the operators of one category.
type Operators struct {
	List []Operator
	Raw  json.RawMessage
}

// ServicewiseOperatorFetch lists the operators of a category. Of the category numbers only 11 (credit cards) is
// known. Second hand.
func (c *Client) ServicewiseOperatorFetch(ctx context.Context, category int64) (Operators, error) {
	cl := call{method: http.MethodGet, path: pathServicewiseOperatorFetch,
		query: url.Values{"operator_category": {strconv.FormatInt(category, 10)}}}
	m, err := c.do(ctx, c.read, cl)
	if err != nil {
		return Operators{}, err
	}
	ops := Operators{Raw: m.raw}
	for _, item := range objects(m.values["operatorList"]) {
		o, err := newOperator(item)
		if err != nil {
			return Operators{}, &UnreadableError{Op: cl.method + " " + cl.path, Err: err}
		}
		ops.List = append(ops.List, o)
	}
	return ops, nil
}

func newOperator(item json.RawMessage) (Operator, error) {
	m, err := parseMembers(item)
	if err != nil {
		return Operator{}, errors.New("operatorList has another shape")
	}
	o := Operator{
		Name: m.looseText("operator_name"), ServiceName: m.looseText("service_name"),
		CategoryName: m.looseText("operator_category_name"), StateName: m.looseText("state_name"),
	}
	if err := m.number("operator_id", &o.ID); err != nil {
		return Operator{}, err
	}
	return o, m.number("operator_category", &o.Category)
}
