package topup

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"strconv"
	"time"
)

// OwnedAction is a lookup that tells of single top-ups: a merchant may ask for its own only. One of Reference,
// Transaction and Rows is set.
type OwnedAction struct {
	Action string
	// Reference is the parameter that holds our reference, Transaction the one that holds the provider's number.
	Reference, Transaction string
	// Rows is the member of the answer that lists top-ups; Totals are members that count everybody's rows and are left
	// out.
	Rows   string
	Totals []string
	// Told is where our reference stands in a row, or in the answer where it tells of one top-up: members, with dots
	// between them.
	Told string
	// Recipient is the member of the answer that has the number, which must be the top-up's; "" where it is not told.
	Recipient string
}

// CatalogueAnswer is a provider's answer that is the same for everybody, as it is kept.
type CatalogueAnswer struct {
	Result json.RawMessage `json:"result"`
	At     time.Time       `json:"at"`
}

// LookupBatch is many lookups handed in together. The lookups themselves are found by NewLookupIDIn.
type LookupBatch struct {
	ID       string     `json:"id"`
	Merchant MerchantID `json:"merchant"`
	// Lines is the number of the last line that was read; Accepted lines have a lookup.
	Lines, Accepted, Rejected int
	CreatedAt                 time.Time `json:"created_at"`
}

// Answers holds what lookups need beside Lookups. Errors are those of Store.
type Answers interface {
	// PutLookups writes ls for ttl; GetLookups returns lookups in the order of ids, nil where there is none.
	PutLookups(ctx context.Context, ls []*Lookup, ttl time.Duration) error
	GetLookups(ctx context.Context, ids []string) ([]*Lookup, error)
	// PutLookupBatch writes b for ttl; GetLookupBatch returns ErrNotFound where there is none.
	PutLookupBatch(ctx context.Context, b *LookupBatch, ttl time.Duration) error
	GetLookupBatch(ctx context.Context, id string) (*LookupBatch, error)
	// PutCatalogue keeps an answer under a key for ttl; GetCatalogue returns ErrNotFound where there is none.
	PutCatalogue(ctx context.Context, key string, a *CatalogueAnswer, ttl time.Duration) error
	GetCatalogue(ctx context.Context, key string) (*CatalogueAnswer, error)
	// ClaimRefresh reports whether the caller is the only one to read a key anew for ttl.
	ClaimRefresh(ctx context.Context, key string, ttl time.Duration) (bool, error)
	// TopupByTransaction returns the top-up of a provider's transaction number that was noted in the last days.
	// ErrNotFound.
	TopupByTransaction(ctx context.Context, p ProviderName, transaction string) (ID, error)
}

// NewLookupBatchID returns a random ID of a batch of lookups (65 random bits).
func NewLookupBatchID() string { return "lkb" + randomBase32(13) }

// NewLookupIDIn is the ID of the lookup that a line of a batch asked for.
func NewLookupIDIn(batch string, line int) string {
	sum := sha256.Sum256([]byte(batch + "\x00" + strconv.Itoa(line)))
	return "lkp" + lowerBase32.EncodeToString(sum[:])[:16]
}

// Owns reports whether t is a top-up of the merchant who asks.
func (l *Lookup) Owns(t *Topup) bool { return t != nil && t.Merchant == l.Merchant }
