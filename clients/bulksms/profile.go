package bulksms

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/shopspring/decimal"
)

// Profile is the account.
type Profile struct {
	ID       string  `json:"id"`
	Username string  `json:"username"`
	Created  string  `json:"created"`
	Credits  Credits `json:"credits"`
	Quota    Quota   `json:"quota"`
	// OriginAddresses, Company and Commerce are kept as they came.
	OriginAddresses json.RawMessage `json:"originAddresses"`
	Company         json.RawMessage `json:"company"`
	Commerce        json.RawMessage `json:"commerce,omitempty"`
}

// Credits is what is left to send with. Limit may be missing.
type Credits struct {
	Balance           json.Number `json:"balance"`
	Limit             json.Number `json:"limit"`
	IsTransferAllowed bool        `json:"isTransferAllowed"`
}

// Quota is the number of messages a day, and what is left of it today.
type Quota struct {
	Size      json.Number `json:"size"`
	Remaining json.Number `json:"remaining"`
}

// Profile reads the account. GET /profile.
func (c *Client) Profile(ctx context.Context) (Profile, error) {
	var p Profile
	err := c.do(ctx, http.MethodGet, "/profile", nil, nil, http.StatusOK, &p)
	return p, err
}

// Credits reads how many credits are left. An answer without them is an *Error with ErrUnreadable.
func (c *Client) Credits(ctx context.Context) (decimal.Decimal, error) {
	p, err := c.Profile(ctx)
	if err != nil {
		return decimal.Decimal{}, err
	}
	left, err := decimal.NewFromString(p.Credits.Balance.String())
	if err != nil {
		return decimal.Decimal{}, &Error{Op: "GET /profile", HTTPStatus: http.StatusOK, Err: ErrUnreadable}
	}
	return left, nil
}
