package aat

import (
	"context"

	"github.com/shopspring/decimal"
)

// UserCredit is the account's float, in rand.
type UserCredit struct {
	ID              int             `json:"Id"`
	Name            string          `json:"Name,omitempty"`
	RemainingCredit decimal.Decimal `json:"RemainingCredit"`
}

// UserStatus says whether the account is on and whether its recharges are real: Environment "testing" has been
// seen, the guide speaks of Testing and Live.
type UserStatus struct {
	Environment string `json:"Environment,omitempty"`
	Enabled     bool   `json:"Enabled"`
}

// GetUserCredit returns the float (guide, operation 11). A refused account is an *APIError of KindUnauthorized.
func (c *Client) GetUserCredit(ctx context.Context) (UserCredit, error) {
	root, err := c.do(ctx, call{op: "GetUserCredit", root: "UserCredit"})
	if err != nil {
		return UserCredit{}, err
	}
	var u UserCredit
	err = object(root, root, func(m *members) {
		u = UserCredit{ID: m.integer("Id"), Name: m.text("Name"), RemainingCredit: m.amount("RemainingCredit")}
	})
	if err != nil {
		return UserCredit{}, err
	}
	return u, nil
}

// GetUserStatus returns the account's environment (guide, operation 14). A refused account is an *APIError of
// KindUnauthorized.
func (c *Client) GetUserStatus(ctx context.Context) (UserStatus, error) {
	root, err := c.do(ctx, call{op: "GetUserStatus", root: "UserStatus"})
	if err != nil {
		return UserStatus{}, err
	}
	var u UserStatus
	err = object(root, root, func(m *members) {
		u = UserStatus{Environment: m.text("Environment"), Enabled: m.boolean("Enabled")}
	})
	if err != nil {
		return UserStatus{}, err
	}
	return u, nil
}
