package intake_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"topupq/intake"
	"topupq/topup"
)

const (
	ndjson  = "application/x-ndjson"
	csvType = "text/csv"
)

// upload sends a batch.
func (a *api) upload(typ, body string, headers ...string) answer {
	a.t.Helper()
	return a.do("POST", "/v1/batches", body, append([]string{"Content-Type", typ}, headers...)...)
}

// lines is what the errors of a receipt are about: "line code field".
func (r receipt) lines() []string {
	var out []string
	for _, e := range r.Errors {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%d %s %s", e.Line, e.Code, e.Field)))
	}
	return out
}

func TestBatchFormats(t *testing.T) {
	t.Parallel()
	bodies := map[string][2]string{
		"json":        {"application/json", `{"topups":[` + good("a") + `, ` + good("b") + `]}`},
		"json spaced": {"application/json", " {\n\"topups\" : [ " + good("a") + "\n,\n" + good("b") + " ] } \n"},
		"json bom":    {"application/json; charset=utf-8", "\ufeff" + `{"topups":[` + good("a") + `,` + good("b") + `]}`},
		"ndjson":      {ndjson, good("a") + "\n" + good("b") + "\n"},
		"ndjson CRLF": {ndjson, "\ufeff" + good("a") + "\r\n\r\n  \n" + good("b")},
		"csv":         {csvType, "reference,recipient,amount,currency\na,+27831234567,5.00,ZAR\nb,+27831234567,5,ZAR\n"},
		"csv semicolon": {csvType, "\ufeffreference;recipient;amount;currency;product.recharge\r\n" +
			"a;+27831234567;5.00;ZAR;\r\nb;\"+27831234567\";5;ZAR;\r\n;;;;\r\n"},
		"csv tab":     {csvType + "; charset=utf-8", "currency\tamount\trecipient\treference\nZAR\t5\t+27831234567\ta\nZAR\t5\t+27831234567\tb"},
		"csv padding": {csvType, "\n reference , recipient ,amount,currency\n a , +27831234567 , \"5\" ,ZAR\nb,+27831234567,5,ZAR\n\n"},
	}
	for name, b := range bodies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			r := a.upload(b[0], b[1])
			rec := r.receipt(202)
			if rec.Rows != 2 || rec.Accepted != 2 || rec.Rejected != 0 || rec.States["accepted"] != 2 || rec.Totals["ZAR"].Requested != "10.00" {
				t.Fatalf("%+v", rec)
			}
			if got := r.header.Get("Location"); got != "/v1/batches/"+*rec.BatchID {
				t.Errorf("Location %q", got)
			}
			ta := a.store.topups[topup.NewID(a.merchant.ID, "a")]
			if ta == nil || ta.Batch != topup.BatchID(*rec.BatchID) || ta.Provider != topup.AAT || a.ring.rung() != 2 {
				t.Errorf("stored %+v, rung %d", ta, a.ring.rung())
			}
			again := a.upload(b[0], b[1]).receipt(202)
			if again.Duplicates != 2 || again.Accepted != 0 || a.store.count() != 2 || string(again.Progress) != "1" {
				t.Errorf("again: %+v", again)
			}
		})
	}
}

func TestBatchEncodings(t *testing.T) {
	t.Parallel()
	rows := good("a") + "\n" + good("b") + "\n"
	var zipped, doubled, zst bytes.Buffer
	for _, out := range []*bytes.Buffer{&zipped, &doubled, &doubled} {
		w := gzip.NewWriter(out)
		w.Write([]byte(rows))
		w.Close()
	}
	enc, _ := zstd.NewWriter(&zst)
	enc.Write([]byte(rows))
	enc.Close()
	for name, c := range map[string]struct{ enc, body string }{
		"gzip": {"gzip", zipped.String()}, "x-gzip": {"X-GZIP", zipped.String()}, "two members": {"gzip", doubled.String()},
		"zstd": {"zstd", zst.String()}, "identity": {"identity", rows},
	} {
		a := newAPI(t)
		if rec := a.upload(ndjson, c.body, "Content-Encoding", c.enc).receipt(202); rec.Accepted != 2 {
			t.Errorf("%s: %+v", name, rec)
		}
	}
	a := newAPI(t)
	a.upload(ndjson, rows, "Content-Encoding", "gzip").problem(400, "malformed")
	a.upload(ndjson, "", "Content-Encoding", "gzip").problem(400, "malformed")
	if r := a.upload(ndjson, rows, "Content-Encoding", "br"); r.header.Get("Accept-Encoding") != "gzip, zstd" {
		t.Errorf("header %v", r.header)
	}
}

func TestNoRows(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, c := range [][2]string{
		{ndjson, ""}, {ndjson, "\n\n \n"}, {csvType, ""}, {csvType, "\n\n"}, {csvType, "reference,recipient,amount,currency\n"},
		{csvType, "\"reference"}, {"application/json", ""}, {"application/json", "[]"}, {"application/json", "{}"},
		{"application/json", `{"topups":5}`}, {"application/json", `{"topups":[]}`}, {"application/json", `{"topups"`},
		{"application/json", "nonsense"}, {"application/json", `{"topups":{}}`},
	} {
		t.Log(c)
		a.upload(c[0], c[1]).problem(400, "malformed")
	}
	a.upload("application/json", `{"rows":[]}`).problem(422, "invalid")
	if len(a.store.batches) != 0 {
		t.Error("a refused file left a batch")
	}
	a.do("POST", "/v1/batches?validate_only=perhaps", good("a"), "Content-Type", ndjson).problem(400, "malformed")
	a.do("POST", "/v1/batches?name=a%00b", good("a"), "Content-Type", ndjson).problem(400, "malformed")
	a.do("POST", "/v1/batches?nmae=x", good("a"), "Content-Type", ndjson).problem(400, "malformed")
}

// Repeats inside a file, near and far, in the same chunk and in others, with the first one always the winner.
func TestRepeatsInsideAFile(t *testing.T) {
	t.Parallel()
	for _, dry := range []bool{false, true} {
		a := newAPI(t, func(c *intake.Config) { c.ChunkRows = 10 })
		var rows []string
		var wantErrors []string
		for i := range 500 {
			row := good(fmt.Sprintf("r%d", i%100))
			switch {
			case i >= 100 && i%50 == 7:
				row = strings.Replace(row, "5.00", "7", 1)
				wantErrors = append(wantErrors, fmt.Sprintf("%d reference_conflict reference", i+1))
			case i%7 == 3:
				row += "\n" + row
			}
			rows = append(rows, row)
		}
		body := strings.Join(rows, "\n")
		r := a.do("POST", fmt.Sprintf("/v1/batches?validate_only=%t&name=x", dry), body, "Content-Type", ndjson)
		status := map[bool]int{false: 202, true: 200}[dry]
		rec := r.receipt(status)
		total := int64(strings.Count(body, "\n") + 1)
		if rec.Accepted != 100 || rec.Rejected != int64(len(wantErrors)) || rec.Rows != total || rec.Duplicates != total-100-rec.Rejected {
			t.Errorf("dry %v: %+v of %d", dry, rec, total)
		}
		if len(rec.Errors) != len(wantErrors) || rec.Name != "x" || rec.Totals["ZAR"].Requested != "500.00" {
			t.Errorf("dry %v: %+v", dry, rec)
		}
		if dry != (rec.BatchID == nil) || dry != (a.store.count() == 0) || dry != (len(a.store.batches) == 0) || dry != (a.ring.rung() == 0) {
			t.Errorf("dry %v: wrote %d", dry, a.store.count())
		}
		for _, tp := range a.store.topups {
			if tp.Amount.Text() != "5.00" {
				t.Errorf("%s: a later row won", tp.Reference)
			}
		}
	}
}

// validate_only tells of what the ledger has already.
func TestValidateOnlyKnown(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.do("POST", "/v1/topups", good("a")).want(202)
	body := good("a") + "\n" + good("b") + "\n" + with(`"reference":"a","amount":"9"`)
	// "a" with another amount repeats line 1 of the file, so it is found twice over.
	rec := a.do("POST", "/v1/batches?validate_only=true", body, "Content-Type", ndjson).receipt(200)
	if rec.Accepted != 1 || rec.Duplicates != 1 || rec.Rejected != 1 || rec.Errors[0].Code != "reference_conflict" {
		t.Errorf("%+v", rec)
	}
}

// A row whose expiry is past is a duplicate when it was taken before, and rejected when it was not.
func TestExpiredRows(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	body := with(`"reference":"a","expires_at":"2026-11-20T12:00:00Z"`) + "\n" + good("b")
	a.upload(ndjson, body).receipt(202)
	a.clock.add(24 * 60 * 60 * 1e9)
	rec := a.upload(ndjson, body+"\n"+with(`"reference":"c","expires_at":"2026-11-20T12:00:00Z"`)+"\n"+good("c")+"\n"+
		with(`"reference":"c","expires_at":"2026-11-20T12:00:00Z"`)).receipt(202)
	if rec.Duplicates != 3 || rec.Accepted != 1 || rec.Rejected != 1 {
		t.Errorf("%+v", rec)
	}
	if d := cmp.Diff([]string{"3 invalid expires_at"}, rec.lines()); d != "" {
		t.Error(d)
	}
}

func TestOnlyFirstErrorsAreNamed(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) { c.ChunkRows = 7 })
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "%s\nbad\n", good(fmt.Sprint("ok", i)))
	}
	rec := a.upload(ndjson, b.String()).receipt(202)
	if rec.Accepted != 1000 || rec.Rejected != 1000 || len(rec.Errors) != 100 {
		t.Fatalf("%d %d %d", rec.Accepted, rec.Rejected, len(rec.Errors))
	}
	for i, e := range rec.Errors {
		if e.Line != 2*(i+1) {
			t.Fatalf("error %d is about line %d", i, e.Line)
		}
	}
}

func TestUploadQuota(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) { c.Limits.Batches = 1; c.Limits.Requests = 3 })
	gate, reached := make(chan struct{}), make(chan struct{})
	done := make(chan int)
	go func() {
		body := &gatedReader{parts: []string{good("a") + "\n", good("b")}, gate: gate, reached: reached}
		r := httptest.NewRequest("POST", "/v1/batches", body)
		r.Header.Set("Authorization", "Bearer "+a.key)
		r.Header.Set("Content-Type", ndjson)
		w := httptest.NewRecorder()
		a.server.Handler().ServeHTTP(w, r)
		done <- w.Code
	}()
	<-reached
	r := a.upload(ndjson, good("c"))
	r.problem(429, "too_many_requests")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	close(gate)
	if got := <-done; got != 202 {
		t.Errorf("status %d", got)
	}
	a.upload(ndjson, good("c")).receipt(202)
	a.upload(ndjson, good("c")).problem(429, "too_many_requests") // the rate, this time
	_, other := a.addMerchant("two")
	a.as(other).upload(ndjson, good("c")).receipt(202)
}

func TestGetBatch(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) { c.ChunkRows = 3 })
	var rows strings.Builder
	for i := range 25 {
		fmt.Fprintln(&rows, good(fmt.Sprintf("g%02d", i)))
	}
	rec := a.do("POST", "/v1/batches?name=November", rows.String(), "Content-Type", ndjson).receipt(202)
	path := "/v1/batches/" + *rec.BatchID
	got := a.do("GET", path, "").receipt(200)
	if got.Name != "November" || got.Rows != 25 || got.States["accepted"] != 25 || got.States["failed"] != 0 || len(got.States) != len(topup.States) {
		t.Errorf("%+v", got)
	}
	var references []string
	cursor := ""
	for pages := 1; ; pages++ {
		page := a.do("GET", path+"/topups?limit=10&cursor="+cursor, "").want(200).json()
		for _, row := range page["data"].([]any) {
			references = append(references, row.(map[string]any)["reference"].(string))
		}
		next, more := page["next_cursor"].(string)
		if !more {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
		cursor = next
	}
	if len(references) != 25 || references[0] != "g00" || references[24] != "g24" {
		t.Errorf("rows %v", references)
	}
	if n := len(a.do("GET", path+"/topups?state=failed,held", "").want(200).json()["data"].([]any)); n != 0 {
		t.Errorf("%d failed rows", n)
	}
	lines := strings.Split(strings.TrimSpace(string(a.do("GET", path+"/topups", "", "Accept", ndjson).want(200).body)), "\n")
	var first map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || len(lines) != 25 || first["reference"] != "g00" {
		t.Errorf("%d lines, first %v, %v", len(lines), first, err)
	}
	r := a.do("GET", path+"/topups", "", "Accept", "text/csv;q=0.9").want(200)
	table := strings.Split(strings.TrimSpace(string(r.body)), "\n")
	if len(table) != 26 || !strings.HasPrefix(table[0], "id,reference,batch_id,line,recipient,") || !strings.Contains(table[1], ",g00,") {
		t.Errorf("%d lines\n%s\n%s", len(table), table[0], table[1])
	}
}
