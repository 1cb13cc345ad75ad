package intake

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"topupq/topup"
)

// nullStore takes everything and keeps nothing; what a test does not call is the nil interface's.
type nullStore struct {
	Store
	created func()
}

func (n *nullStore) Create(_ context.Context, ts []*topup.Topup) ([]topup.Created, error) {
	if n.created != nil {
		n.created()
	}
	return make([]topup.Created, len(ts)), nil
}

func (n *nullStore) CreateBatch(context.Context, *topup.Batch) error { return nil }

func (n *nullStore) UpdateBatch(_ context.Context, id topup.BatchID, change func(*topup.Batch) error) (*topup.Batch, error) {
	b := &topup.Batch{ID: id}
	return b, change(b)
}

func (n *nullStore) GetBatch(_ context.Context, id topup.BatchID) (*topup.Batch, error) {
	return &topup.Batch{ID: id}, nil
}

func (n *nullStore) MerchantByKey(_ context.Context, hash string) (*topup.Merchant, error) {
	return &topup.Merchant{ID: "merbench", Keys: []topup.APIKey{{Hash: hash, Scopes: topup.DefaultScopes}}}, nil
}

// nullRing rings nobody.
type nullRing struct{}

func (nullRing) Sends(context.Context, topup.ProviderName, []topup.Due) error { return nil }
func (nullRing) Check(context.Context, topup.ProviderName, topup.Due) error   { return nil }
func (nullRing) Lookup(context.Context, string) error                         { return nil }
func (nullRing) Lookups(context.Context, []string) error                      { return nil }
func (nullRing) Callback(context.Context, string) error                       { return nil }

func benchServer(t testing.TB, store Store) *Server {
	t.Helper()
	s, err := New(Config{
		Store: store, Ring: nullRing{}, Now: func() time.Time { return time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC) },
		Providers: map[topup.ProviderName]ProviderSettings{
			topup.AAT: {Currency: "ZAR"}, topup.RechargeKit: {Currency: "INR"}, topup.Reloadly: {},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rowMaker makes rows of three providers without end, up to n.
type rowMaker struct {
	n, made int
	format  string
	rest    []byte
}

var rowPlaces = [...][2]string{{"+2783%07d", "ZAR"}, {"+9198%08d", "INR"}, {"+234803%07d", "NGN"}}

func (m *rowMaker) Read(p []byte) (int, error) {
	for len(m.rest) == 0 {
		if m.made == m.n {
			return 0, io.EOF
		}
		place := rowPlaces[m.made%len(rowPlaces)]
		m.rest = fmt.Appendf(m.rest[:0], m.format, m.made, fmt.Sprintf(place[0], 1_000_000+m.made%8_000_000), place[1])
		m.made++
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

const (
	ndjsonFormat = `{"reference":"order-%09d","recipient":"%s","amount":"25.00","currency":"%s","metadata":{"till":"7","shop":"main street"}}` + "\n"
	csvFormat    = "order-%09d,%s,25.00,%s,7,main street\n"
	csvHead      = "reference,recipient,amount,currency,metadata.till,metadata.shop\n"
)

func benchRows(b *testing.B, source func(io.Reader) rowSource, body io.Reader) {
	s := benchServer(b, &nullStore{})
	src := source(body)
	now := s.now()
	var r row
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if err := src.next(&r); err != nil {
			b.Fatal(err)
		}
		if c := s.rules.topup(&r.request, "merbench", now, &r.wrong); len(r.wrong.list) > 0 || c.topup == nil {
			b.Fatal(r.wrong.list)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkRowsNDJSON(b *testing.B) {
	benchRows(b, func(r io.Reader) rowSource { return newNDJSONSource(r, 64<<10) }, &rowMaker{n: b.N, format: ndjsonFormat})
}

func BenchmarkRowsCSV(b *testing.B) {
	body := io.MultiReader(strings.NewReader(csvHead), &rowMaker{n: b.N, format: csvFormat})
	benchRows(b, func(r io.Reader) rowSource { return newCSVSource(r, 64<<10) }, body)
}

func BenchmarkRowsJSON(b *testing.B) {
	rows := &rowMaker{n: b.N, format: strings.TrimSuffix(ndjsonFormat, "\n") + ","}
	body := io.MultiReader(strings.NewReader(`{"topups":[`), rows)
	benchRows(b, func(r io.Reader) rowSource { return newJSONRows(r, 64<<10) }, body)
}

// BenchmarkUpload is the whole handler over a store that costs nothing.
func BenchmarkUpload(b *testing.B) {
	s := benchServer(b, &nullStore{})
	key, _ := NewAPIKey(time.Now())
	b.ReportAllocs()
	b.ResetTimer()
	w := upload(b, s, key.Reveal(), &rowMaker{n: b.N, format: ndjsonFormat})
	if w.Code != http.StatusAccepted {
		b.Fatal(w.Body)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func upload(t testing.TB, s *Server, key string, body io.Reader) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/v1/batches", body)
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", typeNDJSON)
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func BenchmarkCreateTopup(b *testing.B) {
	s := benchServer(b, &nullStore{})
	key, _ := NewAPIKey(time.Now())
	h := s.Handler()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		body := fmt.Sprintf(strings.TrimSuffix(ndjsonFormat, "\n"), i, fmt.Sprintf("+2783%07d", i%10_000_000), "ZAR")
		r := httptest.NewRequest(http.MethodPost, "/v1/topups", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+key.Reveal())
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != http.StatusAccepted {
			b.Fatal(w.Body)
		}
	}
}
