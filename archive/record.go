package archive

import (
	"encoding/json"
	"fmt"

	"topupq/topup"
)

// recordVersion is the form of a line. A newer form gets another number, and the older ones stay readable.
const recordVersion = 1

// record is one line: a few members for people and tools, and the whole top-up. Its members are those of topup.Topup by
// their names in Go: TestRecordForm holds them fast.
type record struct {
	V         int                `json:"v"`
	ID        topup.ID           `json:"id"`
	Merchant  topup.MerchantID   `json:"merchant"`
	Reference string             `json:"reference"`
	Provider  topup.ProviderName `json:"provider"`
	State     string             `json:"state"`
	Amount    string             `json:"amount"`
	Currency  string             `json:"currency"`
	Topup     *topup.Topup       `json:"topup"`
}

// line is t as a line of a file. PINs, the last worker's token and fields that this program does not know stay out.
func line(t *topup.Topup) ([]byte, error) {
	c := *t
	c.PIN, c.Claim, c.Extra, c.Incidents, c.Archived = nil, 0, nil, nil, nil
	b, err := json.Marshal(record{
		recordVersion, t.ID, t.Merchant, t.Reference, t.Provider, t.State.String(), t.Amount.Text(), t.Amount.Currency, &c,
	})
	if err != nil {
		return nil, fmt.Errorf("encode top-up %s: %w", t.ID, err)
	}
	return append(b, '\n'), nil
}

// parse is the inverse of line.
func parse(b []byte) (*topup.Topup, error) {
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("decode archived top-up: %w", err)
	}
	if r.V != recordVersion || r.Topup == nil || r.Topup.ID != r.ID {
		return nil, fmt.Errorf("decode archived top-up: form %d is not known here", r.V)
	}
	return r.Topup, nil
}
