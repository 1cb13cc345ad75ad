package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"topupq/topup"
)

const header = "reference,recipient,amount,currency\n"

// rows makes CSV rows; every bad-th one (from 1) has an amount that is refused.
func rows(n, bad int) string {
	var b strings.Builder
	b.WriteString(header)
	for i := 1; i <= n; i++ {
		amount := "5.00"
		if bad > 0 && i%bad == 0 {
			amount = "-5"
		}
		fmt.Fprintf(&b, "r%d,+27831234567,%s,ZAR\n", i, amount)
	}
	return b.String()
}

func TestSubmit(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	file := s.write(t, "rows.csv", rows(5, 0))
	out, stderr, code := s.run(t, "submit", file, "--name", "first")
	holds(t, out, "rows        5", "accepted    5", "total ZAR   25.00", "5 accepted")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	out, _, code = s.run(t, "submit", file)
	holds(t, out, "accepted    0", "duplicates  5")
	if code != 0 {
		t.Errorf("all duplicates: exit %d", code)
	}
	out, _, _ = s.run(t, "submit", file, "--json")
	holds(t, out, `"duplicates": 5`, `"batch_id": "bat`)
}

func TestSubmitValidateOnly(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	file := s.write(t, "rows.csv", rows(6, 3))
	out, _, code := s.run(t, "submit", file, "--validate-only", "--watch")
	holds(t, out, "would be accepted  4", "rejected           2")
	if code != exitRejected {
		t.Errorf("exit %d", code)
	}
	if _, _, code := s.run(t, "status", "r1"); code != 1 {
		t.Error("something was written")
	}
}

// TestSubmitNamesEveryRefusedRow has far more refused rows than an answer names, some of them hard to find.
func TestSubmitNamesEveryRefusedRow(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var b strings.Builder
	b.WriteString("\ufeff\r\nreference;recipient;amount;currency;metadata.note\r\n")
	want := []string{}
	for i := 1; i <= 2600; i++ {
		note, amount := fmt.Sprintf("\"one; %d \"\"hi\"\"\"", i), "5.00"
		switch {
		case i%7 == 0 || i > 2590:
			amount, note = "0.001", fmt.Sprintf("\"one; %d\r\nsays \"\"hi\"\"\"", i)
			want = append(want, fmt.Sprintf("r%d", i))
		case i%100 == 1:
			b.WriteString("\r\n")
		}
		fmt.Fprintf(&b, "r%d;+27831234567;%s;ZAR;%s\r\n", i, amount, note)
	}
	for name, zip := range map[string]bool{"plain.csv": false, "zipped.csv.gz": true} {
		text := b.String()
		if zip {
			text = zipped(t, text)
		}
		file := s.write(t, name, text)
		out, stderr, code := s.run(t, "submit", file)
		if code != exitRejected || stderr != "" {
			t.Fatalf("%s: exit %d: %s", name, code, stderr)
		}
		holds(t, out, fmt.Sprintf("rejected       %d", len(want)), file+".rejected.csv")
		r := csv.NewReader(strings.NewReader(read(t, file+".rejected.csv")))
		r.Comma = ';'
		table, err := r.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(table[0], " "); got != "reference recipient amount currency metadata.note error" {
			t.Errorf("%s: columns %s", name, got)
		}
		got := []string{}
		for _, row := range table[1:] {
			got = append(got, row[0])
			if row[2] != "0.001" || !strings.HasPrefix(row[4], "one; ") || !strings.Contains(row[5], "and 1 more: amount") {
				t.Errorf("%s: row %q", name, row)
			}
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: %d rows in the file, want %d", name, len(got), len(want))
		}
	}
	out, _, _ := s.run(t, "status", "r1")
	holds(t, out, "accepted")
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSubmitNDJSONAndJSON(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var nd, js strings.Builder
	js.WriteString(`{"topups":[`)
	for i := 1; i <= 300; i++ {
		amount := "5"
		if i > 100 {
			amount = "NaN"
		}
		fmt.Fprintf(&nd, "{\"reference\":\"n%d\",\"recipient\":\"+27831234567\",\"amount\":\"%s\",\"currency\":\"ZAR\"}\n\n", i, amount)
		if i > 1 {
			js.WriteString(",")
		}
		fmt.Fprintf(&js, `{"reference":"j%d","recipient":"+27831234567","amount":"%s","currency":"ZAR"}`, i, amount)
	}
	js.WriteString(`]}`)
	file := s.write(t, "rows.ndjson", nd.String())
	if _, stderr, code := s.run(t, "submit", file); code != exitRejected || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	refusedRows(t, file+".rejected.ndjson", "n")
	file = s.write(t, "rows.json", js.String())
	if _, stderr, code := s.run(t, "submit", file); code != exitRejected || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	refusedRows(t, file+".rejected.ndjson", "j")
	// Handed in alone it is refused for the same reasons; mended it is taken.
	for _, name := range []string{"rows.ndjson", "rows.json"} {
		file = s.dir + "/" + name + ".rejected.ndjson"
		before := read(t, file)
		out, _, code := s.run(t, "submit", file)
		holds(t, out, "rejected       200")
		if again := read(t, file+".rejected.ndjson"); code != exitRejected || again != before {
			t.Errorf("exit %d, the reasons have changed:\n%.300s\n%.300s", code, before, again)
		}
		file = s.write(t, "mended-"+name+".ndjson", strings.ReplaceAll(before, "NaN", "7"))
		out, stderr, code := s.run(t, "submit", file)
		holds(t, out, "accepted    200", "rejected    0")
		if code != 0 {
			t.Errorf("mended: exit %d: %s", code, stderr)
		}
	}
}

// refusedRows finds the last 200 of 300 rows in a file, in order, each with its reason.
func refusedRows(t *testing.T, file, prefix string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(read(t, file)), "\n")
	if len(lines) != 200 {
		t.Fatalf("%s: %d rows", file, len(lines))
	}
	for i, line := range lines {
		want := fmt.Sprintf(`{"reference":"%s%d","recipient":"+27831234567","amount":"NaN","currency":"ZAR","error":"invalid amount: `, prefix, i+101)
		if !strings.HasPrefix(line, want) {
			t.Fatalf("%s: row %d is %s", file, i, line)
		}
	}
}

// TestSubmitRowsThatAreNoObjects keeps what it cannot add a reason to as it is, and prints the reason.
func TestSubmitRowsThatAreNoObjects(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	file := s.write(t, "rows.jsonl", `{"reference":"ok","recipient":"+27831234567","amount":"5","currency":"ZAR"}`+"\nnot json\n[1]\n"+`{"amount":-1,"nested":{"a":[1, 2]},"error":{}}`+"\n")
	out, stderr, code := s.run(t, "submit", file)
	holds(t, out, "accepted       1", "rejected       3", "rows.jsonl.rejected.ndjson")
	holds(t, stderr, "line 2: malformed", "line 3: invalid")
	if code != exitRejected {
		t.Errorf("exit %d", code)
	}
	text := read(t, file+".rejected.ndjson")
	if !strings.HasPrefix(text, "not json\n[1]\n{\"amount\":-1,\"nested\":{\"a\":[1,2]},\"error\":\"") || strings.Count(text, "\n") != 3 {
		t.Errorf("got %s", text)
	}
}

// TestItems reads JSON as it is written by hand, and ends where it breaks.
func TestItems(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\ufeff{ \"topups\" : [ {\n \"a\": \"x\\ny\" } ,\n 7, [\n] ] }": `1 {"a":"x\ny"};2 7;3 [];`,
		`{"topups":[]}`:               "",
		`{"topups":[{"a":1},{"b`:      `1 {"a":1};`,
		`{"topups":[{"a":1}{"b":2}]}`: `1 {"a":1};`,
		"":                            "",
	} {
		r, got := newItemReader(strings.NewReader(text)), ""
		for {
			rec, err := r.next()
			if err != nil {
				break
			}
			got += fmt.Sprintf("%d %s;", rec.line, rec.raw)
		}
		if got != want {
			t.Errorf("%q: got %s", text, got)
		}
	}
}

func TestSubmitForgetsAnEarlierRun(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	file := s.write(t, "rows.csv", rows(3, 2))
	if _, _, code := s.run(t, "submit", file); code != exitRejected {
		t.Fatalf("exit %d", code)
	}
	s.write(t, "rows.csv", rows(3, 0))
	if _, stderr, code := s.run(t, "submit", file); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if _, err := os.Stat(file + ".rejected.csv"); !os.IsNotExist(err) {
		t.Error("the refused rows of the earlier run are still there")
	}
}

// TestSubmitGoesOn: the intake is away, and the answer of a whole upload is lost.
func TestSubmitGoesOn(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var calls atomic.Int32
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		switch calls.Add(1) {
		case 1:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"code":"unavailable","detail":"The ledger is away."}`))
			return true
		case 2:
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.Close()
			}
			return true
		}
		return false
	}
	sub := s.submission(t, "rows.csv", rows(4, 0))
	var out, errs bytes.Buffer
	sub.out, sub.err = &out, &errs
	if err := sub.run(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	holds(t, out.String(), "accepted    4")
	holds(t, errs.String(), "unavailable (503): The ledger is away.", "sending the file again in 1ms")
	if calls.Load() != 3 {
		t.Errorf("%d calls", calls.Load())
	}
}

// submission is the command without its flags and waits.
func (s *shop) submission(t *testing.T, name, text string) *submission {
	t.Helper()
	file, err := openSubmitFile(s.write(t, name, text), "")
	if err != nil {
		t.Fatal(err)
	}
	api, err := openAPI(s.env["TOPUPQ_URL"], topup.Secret(s.env["TOPUPQ_API_KEY"]))
	if err != nil {
		t.Fatal(err)
	}
	return &submission{
		api: api, file: file, name: name, pause: time.Millisecond, poll: time.Millisecond, out: &bytes.Buffer{}, err: &bytes.Buffer{},
	}
}

func TestSubmitGivesUp(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.before = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	}
	err := s.submission(t, "rows.csv", rows(1, 0)).run(t.Context(), false)
	if !isStatus(err, http.StatusBadGateway) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.before = func(w http.ResponseWriter, _ *http.Request) bool {
		cancel()
		w.WriteHeader(http.StatusBadGateway)
		return true
	}
	err = s.submission(t, "rows.csv", rows(1, 0)).run(ctx, false)
	if err == nil || !strings.Contains(err.Error(), "run the same command again") {
		t.Errorf("stopped: %v", err)
	}
}

func TestSubmitMistakes(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for want, args := range map[string][]string{
		"cannot read the file": {s.dir + "/gone.csv"},
		"is a folder":          {s.dir},
		"give --format csv":    {s.write(t, "rows.xlsx", "x")},
		"give --format":        {s.write(t, "a.csv", header), "--format", "xml"},
	} {
		if _, stderr, code := s.run(t, append([]string{"submit"}, args...)...); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit %d, want %q in %s", args, code, want, stderr)
		}
	}
	for name, text := range map[string]string{"empty.csv": "", "header.csv": header, "other.csv": "a,b\n1,2\n"} {
		if _, stderr, code := s.run(t, "submit", s.write(t, name, text)); code != 1 || stderr == "" {
			t.Errorf("%s: exit %d: %s", name, code, stderr)
		}
	}
}
