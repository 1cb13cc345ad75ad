package intake

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// What we take for JSON is JSON, and means what encoding/json says; what encoding/json refuses we refuse.
func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-2.5e+3,"x\u00e9\ud83d\ude00\n",true,null,{}]}`, `"\ud800"`, `[`, `{"a":1,"a":2}`, ` 0 `, `-`, `01`, `1.`, `1e`,
		strings.Repeat("[", 40) + strings.Repeat("]", 40), "\"\xff\"", `{"a" :1 , "b": [ ] }`, `tru`, `"\q"`, "\"\t\"", `nullx`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		v, err := parseJSON(src)
		dec := json.NewDecoder(strings.NewReader(src))
		dec.UseNumber()
		var want any
		theirs := dec.Decode(&want)
		if _, more := dec.Token(); theirs == nil && !errors.Is(more, io.EOF) {
			theirs = errors.New("trailing text")
		}
		if err == nil && theirs != nil {
			t.Fatalf("%q: taken, although %v", src, theirs)
		}
		if err == nil && !reflect.DeepEqual(v.any(), want) {
			t.Fatalf("%q: %v, want %v", src, v.any(), want)
		}
		var e *jsonError
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%q: %v is no jsonError", src, err)
		}
		if theirs == nil && utf8.ValidString(src) && err != nil && e.syntax && !strings.Contains(e.text, "surrogate") {
			t.Fatalf("%q: %v", src, err)
		}
	})
}

// Whatever is uploaded in whatever format, every row is counted once and nothing breaks.
func FuzzBatch(f *testing.F) {
	valid := `{"reference":"a","recipient":"+27831234567","amount":"5","currency":"ZAR"}`
	for format, body := range map[byte]string{
		0: valid + "\n" + valid + "\nx\n", 1: `{"topups":[` + valid + `,` + valid + `,{}]}`,
		2: "reference,recipient,amount,currency\na,+27831234567,5,ZAR\n\"a\n\"\"b\",x,,\n\"",
	} {
		f.Add(format, []byte(body))
	}
	f.Add(byte(2), []byte("reference;recipient;amount;currency;metadata.x\r\n\"\";\"\"\"\";;;\r\n"))
	f.Add(byte(1), []byte(`{"topups":[[}],"]",{"a":"\""}]}`))
	server := benchServer(f, &nullStore{})
	f.Fuzz(func(t *testing.T, format byte, body []byte) {
		const limit = 256
		var src rowSource
		switch in := bytes.NewReader(body); format % 3 {
		case 0:
			src = newNDJSONSource(in, limit)
		case 1:
			src = newJSONRows(in, limit)
		default:
			src = newCSVSource(in, limit)
		}
		run := newTestRun(server)
		err := run.take(context.Background(), src)
		var p *Problem
		if err != nil && !errors.As(err, &p) {
			t.Fatalf("%v", err)
		}
		if err == nil && (run.rows() == 0 || int64(len(run.errors)) != min(run.rejected, maxRowErrors)) {
			t.Fatalf("%d rows, %d rejected, %d errors", run.rows(), run.rejected, len(run.errors))
		}
		for i, e := range run.errors {
			if e.Line < 1 || e.Message == "" || e.Code == "" || (i > 0 && e.Line < run.errors[i-1].Line) {
				t.Fatalf("error %d: %+v", i, e)
			}
		}
	})
}

// What encoding/csv writes we read.
func FuzzCSVRoundTrip(f *testing.F) {
	f.Add("a", "b,c", "d\"e\nf", ",")
	f.Add("", "\"", "x\r\ny", ";")
	f.Fuzz(func(t *testing.T, a, b, c, sep string) {
		comma := map[string]rune{";": ';', "\t": '\t'}[sep]
		if comma == 0 {
			comma = ','
		}
		want := []string{a, b, c}
		for i := range want { // spaces around a cell and bare returns have no meaning for us
			want[i] = strings.ReplaceAll(strings.Trim(want[i], " "), "\r", "")
		}
		var text bytes.Buffer
		w := csv.NewWriter(&text)
		w.Comma = comma
		if w.Write([]string{"h1", "h2", "h3"}) != nil || w.Write(want) != nil {
			return
		}
		w.Flush()
		r := newCSVReader(&text, 1<<20)
		if rec, err := r.header(); err != nil || len(rec.cells) != 3 {
			t.Fatalf("header %v %v", rec, err)
		}
		rec, err := r.next(nil)
		if err != nil || rec.bad != "" {
			t.Fatalf("%q: %v %s", text.String(), err, rec.bad)
		}
		if !reflect.DeepEqual(rec.cells, want) {
			t.Fatalf("%q, want %q", rec.cells, want)
		}
	})
}
