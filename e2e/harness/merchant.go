package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"topupq/intake"
	"topupq/topup"
	"topupq/topup/redisstore"
)

// Merchant is a merchant's back end as far as it calls the intake.
type Merchant struct {
	ID  topup.MerchantID
	Key string

	url    string
	client *http.Client
}

// addMerchant does what an operator does with "topupq merchant add", and sets the receiver as endpoint.
func (s *Stack) addMerchant(ctx context.Context, url string) (*Merchant, error) {
	keyring, err := topup.ParseKeyring(encryptionKey)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	id, secret := topup.NewMerchantID(), topup.NewWebhookSecret()
	sealed, err := topup.SealWebhookSecret(keyring, id, secret)
	if err != nil {
		return nil, fmt.Errorf("seal webhook secret: %w", err)
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	text, key := intake.NewAPIKey(now, slices.Concat(topup.DefaultScopes, []topup.Scope{topup.ScopePINs})...)
	rdb := s.Client()
	defer rdb.Close()
	store := redisstore.Open(rdb, redisstore.Options{})
	defer store.Close()
	err = store.PutMerchant(ctx, &topup.Merchant{
		ID: id, Name: "storm", CreatedAt: now, Keys: []topup.APIKey{key},
		Webhook: topup.Webhook{
			URL: s.Receiver.url, Format: topup.FormatStandard, CallbackWhen: topup.CallbackOnOutcome, Secrets: []topup.WebhookSecret{sealed},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("add merchant: %w", err)
	}
	s.Receiver.secret = secret
	client := &http.Client{Timeout: 40 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64, ResponseHeaderTimeout: 10 * time.Second}}
	return &Merchant{ID: id, Key: text.Reveal(), url: url, client: client}, nil
}

// AddMerchant adds another merchant to a running Stack. The receiver gets its callbacks, and cannot verify them.
func (s *Stack) AddMerchant(ctx context.Context) (*Merchant, error) {
	secret := s.Receiver.secret
	defer func() { s.Receiver.secret = secret }()
	return s.addMerchant(ctx, s.Merchant.url)
}

// URL is where the intake is.
func (m *Merchant) URL() string { return m.url }

// Order is one top-up as the merchant wants it.
type Order struct {
	Reference string         `json:"reference"`
	Recipient string         `json:"recipient"`
	Amount    string         `json:"amount"`
	Currency  string         `json:"currency"`
	Provider  string         `json:"provider"`
	Product   map[string]any `json:"product,omitempty"`
}

// Record is a top-up as the merchant sees it.
type Record struct {
	ID         topup.ID `json:"id"`
	Reference  string   `json:"reference"`
	Recipient  string   `json:"recipient"`
	Amount     string   `json:"amount"`
	Currency   string   `json:"currency"`
	Provider   string   `json:"provider"`
	State      string   `json:"state"`
	RefundSafe bool     `json:"refund_safe"`
	Attempts   int      `json:"attempts"`
	Failure    *struct {
		Code         string  `json:"code"`
		ProviderCode *string `json:"provider_code"`
	} `json:"failure"`
	// PIN is a voucher's, on a single Get.
	PIN       string    `json:"pin"`
	UpdatedAt time.Time `json:"updated_at"`
}

// HistoryLine is one move of a top-up as the merchant sees it.
type HistoryLine struct {
	At           time.Time `json:"at"`
	From         string    `json:"from"`
	To           string    `json:"to"`
	Actor        string    `json:"actor"`
	Reason       string    `json:"reason"`
	Attempt      int       `json:"attempt"`
	ProviderCode string    `json:"provider_code"`
}

// Submit hands an order in once and returns the status of the answer, 0 with an error where none came.
func (m *Merchant) Submit(ctx context.Context, o Order) (int, Record, error) {
	body, err := json.Marshal(o)
	if err != nil {
		return 0, Record{}, fmt.Errorf("encode order: %w", err)
	}
	var rec Record
	status, err := m.call(ctx, http.MethodPost, "/v1/topups", "application/json", body, &rec)
	return status, rec, err
}

// SubmitMany hands orders in as one NDJSON batch.
func (m *Merchant) SubmitMany(ctx context.Context, orders []Order) (int, error) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	for _, o := range orders {
		if err := enc.Encode(o); err != nil {
			return 0, fmt.Errorf("encode order: %w", err)
		}
	}
	var got struct {
		Accepted, Duplicates, Rejected int
		Errors                         []json.RawMessage
	}
	status, err := m.call(ctx, http.MethodPost, "/v1/batches", "application/x-ndjson", body.Bytes(), &got)
	if err == nil && status/100 == 2 && got.Accepted+got.Duplicates != len(orders) {
		return status, fmt.Errorf("of %d rows %d were accepted, %d duplicates, %d rejected: %s", len(orders), got.Accepted, got.Duplicates, got.Rejected, got.Errors)
	}
	return status, err
}

// Get is the record of a top-up; status 404 where there is none.
func (m *Merchant) Get(ctx context.Context, id topup.ID) (int, Record, error) {
	var rec Record
	status, err := m.call(ctx, http.MethodGet, "/v1/topups/"+string(id), "", nil, &rec)
	return status, rec, err
}

// History is every move of a top-up, oldest first.
func (m *Merchant) History(ctx context.Context, id topup.ID) ([]HistoryLine, error) {
	var list struct{ Data []HistoryLine }
	status, err := m.call(ctx, http.MethodGet, "/v1/topups/"+string(id)+"/history", "", nil, &list)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("history of %s: status %d", id, status)
	}
	return list.Data, err
}

// Upload hands a CSV in as one batch and returns the answer as it is, status 0 where none came.
func (m *Merchant) Upload(ctx context.Context, query, csv string) (int, []byte) {
	status, _, body, err := m.exchange(ctx, http.MethodPost, "/v1/batches"+query, "text/csv", []byte(csv))
	if err != nil {
		return 0, nil
	}
	return status, body
}

// Call makes one call of the API, with body as JSON where there is one, and returns the answer as it is.
func (m *Merchant) Call(ctx context.Context, method, path, body string) (int, http.Header, []byte, error) {
	contentType := ""
	if body != "" {
		contentType = "application/json"
	}
	return m.exchange(ctx, method, path, contentType, []byte(body))
}

const maxAnswer = 8 << 20

func (m *Merchant) call(ctx context.Context, method, path, contentType string, body []byte, into any) (int, error) {
	status, _, answer, err := m.exchange(ctx, method, path, contentType, body)
	if err != nil || status/100 != 2 {
		return status, err
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return status, fmt.Errorf("decode answer: %w", err)
	}
	return status, nil
}

func (m *Merchant) exchange(ctx context.Context, method, path, contentType string, body []byte) (int, http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, m.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+m.Key)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := m.client.Do(req)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("call intake: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("read answer: %w", err)
	}
	return resp.StatusCode, resp.Header, answer, nil
}
