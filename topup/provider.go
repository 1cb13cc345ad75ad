package topup

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// ProviderName names a provider, as in the API and in queue names.
type ProviderName string

// The providers. Their position in Providers is stored: append only.
const (
	Reloadly    ProviderName = "reloadly"
	AAT         ProviderName = "aat"
	RechargeKit ProviderName = "rechargekit"
)

// Providers lists every provider.
var Providers = []ProviderName{Reloadly, AAT, RechargeKit}

// ParseProvider reads a provider's name.
func ParseProvider(name string) (ProviderName, error) {
	for _, p := range Providers {
		if string(p) == name {
			return p, nil
		}
	}
	return "", fmt.Errorf("unknown provider %q: one of reloadly, aat, rechargekit", name)
}

// Order is one paying call: what to deliver to whom, under which reference.
type Order struct {
	// Reference is the top-up's ID, sent to the provider as customIdentifier, clientRef or partner_request_id.
	Reference ID
	Recipient MSISDN
	// Country is the recipient's, ISO 3166-1 alpha-2, upper case.
	Country string
	Amount  Money
	Product Product
	// FreshCatalogue asks the adapter to read the catalogue anew before it chooses a product.
	FreshCatalogue bool
	// Detour, in a Quote, means that the order was meant for another provider: a product that says nothing may be
	// completed in whatever way delivers the amount in its currency.
	Detour bool
}

// Ref is what an order is asked for by: our reference, and the provider's own where it is known.
type Ref struct {
	Reference     ID
	TransactionID string
	// Recipient, Amount and Product are compared with what the provider reports.
	Recipient MSISDN
	Amount    Money
	Product   Product
	// SentAt is when the paying call was made, for providers that search by time.
	SentAt time.Time
}

// Provider is one upstream. Implementations are safe for concurrent use.
type Provider interface {
	// Submit sends the order once, under our reference. A *NotSentError means that nothing can have reached the
	// provider; any other error is recorded as Unclear, as is the zero Outcome. The caller gives ctx a deadline
	// of its own, not one that a stopping worker cuts short.
	Submit(ctx context.Context, o Order) (Outcome, error)
	// Check asks what became of an order. It never moves money. An error means that nothing was learned.
	Check(ctx context.Context, ref Ref) (Outcome, error)
	// Lookup runs one of the provider's non-paying actions by its own name. The result is the provider's answer
	// in its own field names. Errors are *LookupError; a paid or unknown action is one with code "unknown_action".
	Lookup(ctx context.Context, action string, params map[string]any) (json.RawMessage, error)
	// Balance is the float that is left at the provider.
	Balance(ctx context.Context) (Money, error)
	// Traits are the facts that the guards rely on.
	Traits() Traits
}

// LookupError is the failure of a lookup, in words that may be shown to the merchant.
type LookupError struct {
	// Code is "unknown_action", "invalid_params", "provider_refused", "provider_unreachable" or "provider_error", and from
	// us "provider_not_configured" or "not_found": there is no such top-up of the merchant's.
	Code         string
	Message      string
	ProviderCode string
	// Retryable means that the same lookup may succeed later.
	Retryable bool
}

// Error is the code and the message.
func (e *LookupError) Error() string { return e.Code + ": " + e.Message }

// Traits declare, as data, what a provider lets us prove (docs/providers.md has the table).
type Traits struct {
	Name ProviderName
	// Currency is the float's currency, "" where only the account tells.
	Currency string
	// RefusesRepeat: a second order with the same reference is refused by the provider itself. All three do;
	// without it nothing may ever be sent again.
	RefusesRepeat bool
	// AbsenceByAnswer: two "no such reference" answers, the second later than Hold after the send deadline,
	// prove absence. False where only a resend of the same reference can tell (RechargeKit).
	AbsenceByAnswer bool
	// Hold is the longest time the provider may hold a request before it becomes visible or is dropped.
	Hold time.Duration
	// RepeatKnownAfter: a repeated reference is refused only after a success (AAT) instead of after any order.
	RepeatKnownAfterSuccess bool
	// Priced means that a Quote tells the cost.
	Priced bool
	// Actions are the names that Lookup takes.
	Actions []string
	// Catalogue are those whose answers are the same for everybody and change slowly, so that they may be kept.
	Catalogue []string
	// Owned are those that tell of single top-ups.
	Owned []OwnedAction
}

// Product says what to buy. Which fields apply depends on the provider (docs/api.md); the others are zero.
type Product struct {
	// Reloadly.
	OperatorID     int64  `json:"operator_id,omitempty"`
	UseLocalAmount bool   `json:"use_local_amount,omitempty"`
	SenderPhone    string `json:"sender_phone,omitempty"`
	RecipientEmail string `json:"recipient_email,omitempty"`
	Mode           string `json:"mode,omitempty"`
	// AAT.
	Recharge    string `json:"recharge,omitempty"`
	VoucherID   int64  `json:"voucher_id,omitempty"`
	FixedAmount bool   `json:"fixed_amount,omitempty"`
	DeliverPIN  string `json:"deliver_pin,omitempty"`
	// RechargeKit.
	Service      string   `json:"service,omitempty"`
	OperatorCode int64    `json:"operator_code,omitempty"`
	Circle       int64    `json:"circle,omitempty"`
	RechargeType string   `json:"recharge_type,omitempty"`
	Dest         string   `json:"dest,omitempty"`
	UserVars     []string `json:"user_vars,omitempty"`
}

// Values of the product's fields.
const (
	ModeAsync             = "async"
	ModeSync              = "sync"
	RechargePinless       = "pinless"
	RechargePinned        = "pinned"
	RechargePinnedNoPhone = "pinned_without_msisdn"
	DeliverBySMS          = "sms"
	ServicePrepaid        = "prepaid"
	ServicePostpaid       = "postpaid"
	ServiceDTH            = "dth"
)

// Pinned reports whether the product is a voucher whose PIN is handed over.
func (p Product) Pinned() bool {
	return p.Recharge == RechargePinned || p.Recharge == RechargePinnedNoPhone
}
