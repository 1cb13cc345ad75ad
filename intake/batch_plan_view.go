package intake

import (
	"time"

	"topupq/topup"
)

// planView is what a validation tells of how a batch would go.
type planView struct {
	Providers        []providerPlanView `json:"providers"`
	FinishesAt       time.Time          `json:"finishes_at"`
	LikelyDuplicates alikeAll           `json:"likely_duplicates"`
	// OverLimit tells of the rows that a limit of the merchant keeps out; they are rejected, and not in the rest of the plan.
	OverLimit *overLimitView `json:"over_limit"`
}

// overLimitView counts the rows above a limit, by the limits' codes.
type overLimitView struct {
	Rows      int64            `json:"rows"`
	FirstLine int              `json:"first_line"`
	Codes     map[string]int64 `json:"codes"`
}

// providerPlanView is the part of one provider.
type providerPlanView struct {
	Provider  topup.ProviderName `json:"provider"`
	Rows      int64              `json:"rows"`
	Operators []operatorPlanView `json:"operators"`
	// Amounts sums what is to be delivered, Cost what it should be paid with.
	Amounts map[string]string `json:"amounts"`
	Cost    *costPlanView     `json:"predicted_cost"`
	Balance *balancePlanView  `json:"balance"`
	// RunsOutAtLine is the first row that the balance does not pay for any more.
	RunsOutAtLine *int `json:"runs_out_at_line"`
	// Waiting is what stands in line already; FinishesAt counts it in.
	Waiting    int64     `json:"waiting"`
	FinishesAt time.Time `json:"finishes_at"`
	// WindowSeconds is how near to each other two top-ups of a number and an amount count as likely duplicates.
	WindowSeconds int64 `json:"duplicate_window_seconds"`
}

// operatorPlanView counts the rows of a mobile operator, null where the provider finds it out.
type operatorPlanView struct {
	Operator *string `json:"operator"`
	Rows     int64   `json:"rows"`
}

// costPlanView is what Rows rows should cost; Estimated means that some were taken at their face value.
type costPlanView struct {
	Amount    string `json:"amount"`
	Currency  string `json:"currency"`
	Rows      int64  `json:"rows"`
	Estimated bool   `json:"estimated"`
}

// balancePlanView is the balance as it was known last.
type balancePlanView struct {
	Amount   string    `json:"amount"`
	Currency string    `json:"currency"`
	At       time.Time `json:"at"`
}

// alikeAll counts the rows that look like another one; Unchecked were compared with the file alone.
type alikeAll struct {
	Rows      int64       `json:"rows"`
	Unchecked int64       `json:"unchecked"`
	First     []alikeView `json:"first"`
}

// alikeView is a row that looks like another row, or like a top-up of before.
type alikeView struct {
	Line      int       `json:"line"`
	Reference string    `json:"reference"`
	LikeLine  *int      `json:"like_line,omitempty"`
	LikeID    *topup.ID `json:"like_id,omitempty"`
}
