package archive_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"topupq/archive"
	"topupq/topup"
)

// bucket is the little of S3 that the archive needs: objects by path, bodies in the chunks that clients sign.
type bucket struct {
	mu      sync.Mutex
	objects map[string][]byte
	// spoil changes what is stored, as a broken store would.
	spoil func([]byte) []byte
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=key/") {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch r.Method {
	case http.MethodPut:
		body, err := unchunk(r)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if b.spoil != nil {
			body = b.spoil(body)
		}
		b.objects[r.URL.Path] = body
		w.Header().Set("ETag", `"x"`)
	case http.MethodGet, http.MethodHead:
		if r.URL.Query().Has("location") {
			fmt.Fprint(w, `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">eu-central-1</LocationConstraint>`)
			return
		}
		body, ok := b.objects[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `<Error><Code>NoSuchKey</Code><Message>none</Message></Error>`)
			return
		}
		w.Header().Set("Last-Modified", "Mon, 23 Nov 2026 08:00:00 GMT")
		w.Header().Set("ETag", `"x"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	}
}

// unchunk takes the signatures out of a body.
func unchunk(r *http.Request) ([]byte, error) {
	if !strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		return io.ReadAll(r.Body)
	}
	in := bufio.NewReader(r.Body)
	var out []byte
	for {
		head, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		size, _, _ := strings.Cut(strings.TrimSpace(head), ";")
		n, err := strconv.ParseInt(size, 16, 64)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return out, nil
		}
		part := make([]byte, n+2)
		if _, err := io.ReadFull(in, part); err != nil {
			return nil, err
		}
		out = append(out, part[:n]...)
	}
}

// shelves are one of each kind.
func shelves(t *testing.T) map[string]archive.Shelf {
	t.Helper()
	server := httptest.NewServer(&bucket{objects: map[string][]byte{}})
	t.Cleanup(server.Close)
	out := map[string]archive.Shelf{}
	for name, address := range map[string]string{
		"directory": t.TempDir(), "S3": "s3://books/topupq?tls=false&endpoint=" + strings.TrimPrefix(server.URL, "http://"),
	} {
		s, err := archive.Open(address, "key", "secret")
		if err != nil {
			t.Fatal(err)
		}
		out[name] = s
	}
	return out
}

const date = "2026-11-23"

var now = time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC)

// row is a top-up with something in every field that is archived.
func row(n int) *topup.Topup {
	at := time.Date(2026, 11, 23, 8, 0, n%60, 0, time.UTC)
	money := func(s, c string) topup.Money {
		return topup.Money{Amount: decimal.RequireFromString(s), Currency: c}
	}
	reference := fmt.Sprint("order-", n)
	return &topup.Topup{
		ID: topup.NewID("mer1", reference), Merchant: "mer1", Reference: reference, Batch: "bat1", Line: n + 1, Recipient: "+27831234567", Country: "ZA",
		Amount: money("2.50", "ZAR"), Provider: topup.AAT, Alternates: []topup.ProviderName{topup.Reloadly}, Home: topup.Reloadly, Product: topup.Product{VoucherID: 121, UserVars: []string{"a"}},
		Resolved: &topup.Product{VoucherID: 122}, ExpiresAt: at.Add(time.Hour), Metadata: map[string]string{"till": "7"},
		State: topup.Reversed, Rev: 9, Attempts: 2, Tries: 1, Resends: 1, Exposed: true, Unproved: true, Refreshed: true, Counted: true, Priority: topup.PriorityHigh, Withheld: true, Claim: 77, SentAt: at, SendDeadline: at.Add(time.Minute),
		RecoveredAt: at, Absences: 2, Contradictions: 1, Refusal: &topup.Failure{Code: topup.CodeInvalidAmount}, Waiting: topup.CodeRateLimited,
		ProviderReference: "P1", ProviderTransactionID: "T1", OperatorTransactionID: "O1", Delivered: money("2.5", "ZAR"), Cost: money("2.4", "ZAR"), Fee: money("0.01", "ZAR"),
		Predicted: money("2.45", "ZAR"), Network: "MTN", Failure: &topup.Failure{Code: topup.CodeProviderRefunded, Message: "m", ProviderCode: "Refunded"}, PIN: []byte("sealed"), PINVoid: true,
		Checks: 4, CheckedAt: at, DueAt: at, Usual: time.Second, CreatedAt: at, UpdatedAt: at, ClosedAt: at, ConfirmedAt: at,
		History:   []topup.Move{{At: at, To: topup.Accepted, Actor: "intake", Reason: topup.CodeSubmitted, Attempt: 1, ProviderCode: "c", ProviderMessage: "m", Note: "n"}},
		Callbacks: []topup.Callback{{Version: 1, Type: topup.EventReversed, State: topup.CallbackDelivered, NextAt: at, Attempts: []topup.CallbackAttempt{{At: at, Status: 200, Latency: time.Second, Excerpt: "x"}}, Tries: 1}},
		Extra:     []byte{1}, Incidents: []topup.Incident{{Code: topup.CodeMismatch}}, Archived: &topup.Archived{},
	}
}

func rows(ns ...int) archive.Each {
	return func(do func(*topup.Topup) error) error {
		for _, n := range ns {
			if err := do(row(n)); err != nil {
				return err
			}
		}
		return nil
	}
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func read(t *testing.T, s archive.Shelf) (out []*topup.Topup) {
	t.Helper()
	err := archive.Read(t.Context(), s, topup.AAT, date, func(x *topup.Topup) error {
		out = append(out, x)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWriteAndRead(t *testing.T) {
	t.Parallel()
	for name, s := range shelves(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := archive.Read(t.Context(), s, topup.AAT, date, nil); !errors.Is(err, archive.ErrNotFound) {
				t.Errorf("an empty archive: %v", err)
			}
			m, err := archive.Write(t.Context(), s, topup.AAT, date, now, rows(upTo(3000)...), nil)
			if err != nil || m.Rows != 3000 {
				t.Fatalf("%+v: %v", m, err)
			}
			if again, err := archive.ReadManifest(t.Context(), s, topup.AAT, date); err != nil || *again != *m {
				t.Errorf("manifest %+v, want %+v: %v", again, m, err)
			}
			want := row(17)
			want.PIN, want.Claim, want.Extra, want.Incidents, want.Archived = nil, 0, nil, nil, nil
			if d := cmp.Diff(want, read(t, s)[17]); d != "" {
				t.Errorf("read back (-want +got):\n%s", d)
			}
			got, err := archive.Find(t.Context(), s, topup.AAT, time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), want.ID)
			if err != nil || got.Reference != want.Reference {
				t.Errorf("found %+v: %v", got, err)
			}
			if _, err := archive.Find(t.Context(), s, topup.AAT, now, topup.NewID("mer1", "never")); !errors.Is(err, topup.ErrNotFound) {
				t.Errorf("what never was: %v", err)
			}
			t.Logf("%s: %d rows, %d bytes each", name, m.Rows, m.Bytes/m.Rows)
		})
	}
}

// TestWriteAgainKeepsWhatTheLedgerHasForgotten: a day's file is written anew while only a part of it is still in the ledger.
func TestWriteAgainKeepsWhatTheLedgerHasForgotten(t *testing.T) {
	t.Parallel()
	for name, s := range shelves(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := archive.Write(t.Context(), s, topup.AAT, date, now, rows(upTo(1000)...), nil); err != nil {
				t.Fatal(err)
			}
			forgotten := func(ts []*topup.Topup) ([]bool, error) {
				out := make([]bool, len(ts))
				for i, x := range ts {
					out[i] = x.Line <= 900
				}
				return out, nil
			}
			m, err := archive.Write(t.Context(), s, topup.AAT, date, now, rows(900, 901, 999, 1000), forgotten)
			if err != nil || m.Rows != 904 {
				t.Fatalf("%+v: %v", m, err)
			}
			seen := map[topup.ID]bool{}
			for _, x := range read(t, s) {
				if seen[x.ID] {
					t.Fatalf("%s is there twice", x.Reference)
				}
				seen[x.ID] = true
			}
			if _, err := archive.Write(t.Context(), s, topup.AAT, date, now, rows(1), func([]*topup.Topup) ([]bool, error) { return nil, topup.ErrUnavailable }); !errors.Is(err, topup.ErrUnavailable) {
				t.Errorf("with the ledger away: %v", err)
			}
			if len(read(t, s)) != 904 {
				t.Error("a failed write has changed the file")
			}
		})
	}
}

// TestIDsThatBeginAlike are different rows.
func TestIDsThatBeginAlike(t *testing.T) {
	t.Parallel()
	first, second := row(1), row(2)
	second.ID = first.ID[:len(first.ID)-1] + "?"
	both := func(do func(*topup.Topup) error) error { return errors.Join(do(first), do(second), do(first)) }
	m, err := archive.Write(t.Context(), shelves(t)["directory"], topup.AAT, date, now, both, nil)
	if err != nil || m.Rows != 2 {
		t.Errorf("two rows, one of them twice: %+v: %v", m, err)
	}
}

// TestForgottenWhileItIsWritten: what leaves the ledger between the two looks at it, since another task is at the same day, is
// in the file once: reports of the day would count it twice for ever.
func TestForgottenWhileItIsWritten(t *testing.T) {
	t.Parallel()
	for name, s := range shelves(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gone := func(ts []*topup.Topup) ([]bool, error) {
				out := make([]bool, len(ts))
				for i := range out {
					out[i] = true
				}
				return out, nil
			}
			for range 2 {
				if m, err := archive.Write(t.Context(), s, topup.AAT, date, now, rows(upTo(700)...), gone); err != nil || m.Rows != 700 {
					t.Fatalf("%+v: %v", m, err)
				}
			}
		})
	}
}

// TestDamageIsNoticed: a store that loses, cuts or changes what it is given is found out before the manifest is written.
func TestDamageIsNoticed(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func([]byte) []byte{
		"cut":     func(b []byte) []byte { return b[:len(b)/2] },
		"changed": func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 1; return b },
		"empty":   func([]byte) []byte { return nil },
		"longer":  func(b []byte) []byte { return append(bytes.Clone(b), b...) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &bucket{objects: map[string][]byte{}, spoil: spoil}
			server := httptest.NewServer(store)
			defer server.Close()
			s, err := archive.OpenS3(archive.S3Config{Bucket: "books", Endpoint: strings.TrimPrefix(server.URL, "http://"), AccessKey: "key", SecretKey: "hush", Plain: true})
			if err != nil {
				t.Fatal(err)
			}
			_, err = archive.Write(t.Context(), s, topup.AAT, date, now, rows(upTo(500)...), nil)
			if err == nil || strings.Contains(err.Error(), "hush") {
				t.Errorf("not noticed, or a secret told: %v", err)
			}
			if len(store.objects) > 1 {
				t.Error("a manifest was written for a damaged file")
			}
		})
	}
}

func TestDirectoryKeepsTheOldFileUntilTheNewIsComplete(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s, err := archive.OpenDirectory(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "a/b.txt", strings.NewReader("first"), 5); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "a/b.txt", strings.NewReader("sec"), 6); err == nil {
		t.Error("a short file is taken")
	}
	text, err := os.ReadFile(filepath.Join(root, "a/b.txt"))
	if err != nil || string(text) != "first" {
		t.Errorf("%q: %v", text, err)
	}
	left, err := os.ReadDir(filepath.Join(root, "a"))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v: %v", left, err)
	}
}

// TestEveryFieldIsConsidered fails when topup.Topup gets a field that row does not fill: whoever adds one decides here
// whether it is archived.
func TestEveryFieldIsConsidered(t *testing.T) {
	t.Parallel()
	// What counts for open top-ups only is not archived.
	openOnly := map[string]bool{"Withheld": true, "Counted": true, "InLine": true}
	v := reflect.ValueOf(*row(0))
	for i := range v.NumField() {
		if v.Field(i).IsZero() && !openOnly[v.Type().Field(i).Name] {
			t.Errorf("field %s is not filled by row: archived files would or would not have it", v.Type().Field(i).Name)
		}
	}
}

// TestRecordForm holds the form of the archive fast: files of years must stay readable.
func TestRecordForm(t *testing.T) {
	t.Parallel()
	s, err := archive.OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile("testdata/record.json")
	if err != nil {
		t.Fatal(err)
	}
	want := row(17)
	want.PIN, want.Claim, want.Extra, want.Incidents, want.Archived = nil, 0, nil, nil, nil
	want.Counted, want.Withheld, want.Priority, want.Home = false, false, topup.PriorityDefault, "" // fields that came later are not in files of before
	var r struct {
		V     int          `json:"v"`
		State string       `json:"state"`
		Topup *topup.Topup `json:"topup"`
	}
	if err := json.Unmarshal(golden, &r); err != nil || r.V != 1 || r.State != "reversed" {
		t.Fatalf("%+v: %v", r, err)
	}
	if d := cmp.Diff(want, r.Topup); d != "" {
		t.Errorf("a record of the first form is read as (-want +got):\n%s", d)
	}
	_ = s
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"s3://", "s3:///x", "s3://bucket?endpoint=http://x"} {
		if _, err := archive.Open(address, "key", "secret"); err == nil {
			t.Errorf("%q is taken", address)
		}
	}
	if _, err := archive.Open("s3://bucket", "", ""); err == nil {
		t.Error("no keys are taken")
	}
	if _, err := archive.OpenDirectory("/proc/nowhere"); err == nil {
		t.Error("a directory that cannot be made is taken")
	}
	_ = context.Background()
}
