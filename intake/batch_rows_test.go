package intake_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"topupq/topup"
)

// A row that cannot be taken never stops the others.
func TestBadRows(t *testing.T) {
	t.Parallel()
	long := `{"reference":"` + strings.Repeat("x", 10<<20) + `"}`
	head := "reference,recipient,amount,currency\n"
	for name, c := range map[string]struct {
		typ, body string
		accepted  int64
		errors    []string
	}{
		"ndjson": {ndjson, strings.Join([]string{good("a"), "nonsense", "{", `{"a":1`, good("b"), "[]", "null", `{"reference":"c"}`, good("c") + "x", good("d")}, "\n"), 3,
			[]string{"2 malformed", "3 malformed", "4 malformed", "6 invalid", "7 invalid", "8 invalid recipient", "9 malformed"}},
		"ndjson 10 MB row":      {ndjson, good("a") + "\n" + long + "\n" + good("b"), 2, []string{"2 too_large"}},
		"ndjson 10 MB last row": {ndjson, good("a") + "\n" + long, 1, []string{"2 too_large"}},
		"ndjson bad UTF-8":      {ndjson, good("a") + "\n" + with("\"metadata\":{\"x\":\"\xff\"}") + "\n" + good("b"), 2, []string{"2 malformed"}},
		"ndjson UTF-16":         {ndjson, good("a") + "\n\xff\xfe{\x00\n" + good("b"), 2, []string{"2 malformed"}},
		"ndjson deep":           {ndjson, good("a") + "\n" + strings.Repeat("[", 60000) + "\n" + good("b"), 2, []string{"2 malformed"}},
		"ndjson very deep":      {ndjson, good("a") + "\n" + strings.Repeat("[", 1_000_000) + "\n" + good("b"), 2, []string{"2 too_large"}},
		"ndjson conflict":       {ndjson, good("a") + "\n" + strings.Replace(good("a"), "5.00", "6", 1) + "\n" + good("b"), 2, []string{"2 reference_conflict reference"}},
		"json":                  {"application/json", `{"topups":[` + good("a") + `,{"reference":"x"},5,"x",null,true,[],` + with(`"foo":1`) + `,` + good("b") + `]}`, 2, []string{"2 invalid recipient", "3 invalid", "4 invalid", "5 invalid", "6 invalid", "7 invalid", "8 invalid foo"}},
		"json 10 MB item":       {"application/json", `{"topups":[` + good("a") + `,` + long + `,` + good("b") + `]}`, 2, []string{"2 too_large"}},
		"json very deep":        {"application/json", `{"topups":[` + good("a") + `,` + strings.Repeat("[", 1_000_000) + strings.Repeat("]", 1_000_000) + `,` + good("b") + `]}`, 2, []string{"2 too_large"}},
		"json twice":            {"application/json", `{"topups":[` + good("a") + `,{"amount":1,"amount":2},` + good("b") + `]}`, 2, []string{"2 invalid amount"}},
		"json bad UTF-8":        {"application/json", `{"topups":[` + good("a") + `,` + with("\"metadata\":{\"x\":\"\xff\"}") + `,` + good("b") + `]}`, 2, []string{"2 malformed"}},
		"csv cells":             {csvType, head + "a,+27831234567,5,ZAR\nb,+27831234567,5\nc,+27831234567,5,ZAR,x\nd,+27831234567,5,ZAR\n", 2, []string{"3 malformed", "4 malformed"}},
		"csv values":            {csvType, head + "a,+27831234567,5,ZAR\n,+27831234567,5,ZAR\nc,27831234567,\"2,50\",ZAR\nd,+27831234567,5,ZAR", 2, []string{"3 invalid reference", "4 invalid recipient"}},
		"csv bare quote":        {csvType, head + "a,+27831234567,5,ZAR\nb\"c,+27831234567,5,ZAR\nd,+27831234567,5,ZAR\n", 2, []string{"3 malformed"}},
		"csv text after quote":  {csvType, head + "a,+27831234567,5,ZAR\n\"b\"c,+27831234567,5,ZAR\nd,+27831234567,5,ZAR\n", 2, []string{"3 malformed"}},
		"csv 10 MB row":         {csvType, head + "a,+27831234567,5,ZAR\n" + strings.Repeat("x", 10<<20) + ",,,\nb,+27831234567,5,ZAR\n", 2, []string{"3 too_large"}},
		"csv 10 MB of commas":   {csvType, head + "a,+27831234567,5,ZAR\n" + strings.Repeat(",", 10<<20) + "\nb,+27831234567,5,ZAR\n", 2, []string{"3 too_large"}},
		"csv 10 MB quoted":      {csvType, head + "a,+27831234567,5,ZAR\n\"" + strings.Repeat("x\n", 5<<20) + "\",,,\nb,+27831234567,5,ZAR\n", 2, []string{"3 too_large"}},
		"csv bad UTF-8":         {csvType, head + "a,+27831234567,5,ZAR\nb\xff,+27831234567,5,ZAR\nc,+27831234567,5,ZAR", 2, []string{"3 invalid reference"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			rec := a.upload(c.typ, c.body).receipt(202)
			if rec.Accepted != c.accepted || rec.Rejected != int64(len(c.errors)) || rec.Rows != rec.Accepted+rec.Duplicates+rec.Rejected {
				t.Errorf("%+v", rec)
			}
			if d := cmp.Diff(c.errors, rec.lines()); d != "" {
				t.Error(d)
			}
			if int64(a.store.count()) != c.accepted {
				t.Errorf("%d records", a.store.count())
			}
			if b := a.store.batches[topup.BatchID(*rec.BatchID)]; !b.Sealed || b.Rows != rec.Rows {
				t.Errorf("batch %+v", b)
			}
		})
	}
}

// A line inside a quoted cell is never a row: it could be a customer's note.
func TestCSVInjection(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	note := "\"hello\nevil,+27831234567,999,ZAR,x\n said \"\"so\"\"\""
	rec := a.upload(csvType, "reference,recipient,amount,currency,metadata.note\na,+27831234567,5,ZAR,"+note+"\nb,+27831234567,5,ZAR,ok\n").receipt(202)
	if d := cmp.Diff([]string{"2 invalid metadata.note"}, rec.lines()); d != "" || rec.Accepted != 1 {
		t.Errorf("%s %+v", d, rec)
	}
	if _, evil := a.store.topups[topup.NewID(a.merchant.ID, "evil")]; evil {
		t.Error("a note became a top-up")
	}
	// A quote in the wrong place turns the lines after it neither into rows nor silently into nothing.
	rec = a.upload(csvType, "reference,recipient,amount,currency,metadata.note\nc,+27831234567,5,ZAR,\"open\nevil,+27831234567,999,ZAR,x\n").receipt(202)
	if d := cmp.Diff([]string{"2 stream_broken"}, rec.lines()); d != "" || rec.Accepted != 0 || a.store.count() != 1 {
		t.Errorf("%s %+v", d, rec)
	}
	if b := a.store.topups[topup.NewID(a.merchant.ID, "b")]; b == nil || b.Line != 5 {
		t.Errorf("line of the row after it: %+v", b)
	}
}

func TestCSVColumns(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	rec := a.upload(csvType, "reference;recipient;amount;currency;provider;expires_at;product.user_vars;product.operator_code;product.service;metadata.till;metadata.Note\n"+
		"a;+919812345678;49;INR;rechargekit;2026-11-21T00:00:00Z;x|y|z;1;prepaid;7;\"a;b\"\n"+
		"b;+919812345678;49;INR;;;\"x;y\";;;;\n").receipt(202)
	if rec.Accepted != 2 {
		t.Fatalf("%+v", rec)
	}
	ta, tb := a.store.topups[topup.NewID(a.merchant.ID, "a")], a.store.topups[topup.NewID(a.merchant.ID, "b")]
	if d := cmp.Diff(topup.Product{Service: "prepaid", OperatorCode: 1, UserVars: []string{"x", "y", "z"}}, ta.Product); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]string{"till": "7", "Note": "a;b"}, ta.Metadata); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"x", "y"}, tb.Product.UserVars); d != "" || tb.Metadata != nil {
		t.Error(d, tb.Metadata)
	}
	rec = a.upload(csvType, "reference,recipient,amount,currency,product.voucher_id,product.fixed_amount\n"+
		"c,+27831234567,5,ZAR,121,true\nd,+27831234567,5,ZAR,x,yes\ne,+27831234567,5,ZAR,0,0\nf,+919812345678,5,INR,121,\n").receipt(202)
	want := []string{"3 invalid product.voucher_id", "4 invalid product.voucher_id", "5 invalid product.voucher_id"}
	if d := cmp.Diff(want, rec.lines()); d != "" || rec.Accepted != 1 {
		t.Error(d)
	}
	if !strings.Contains(rec.Errors[1].Message, "1 more") && !strings.Contains(rec.Errors[0].Message, "product.fixed_amount") {
		t.Errorf("%+v", rec.Errors)
	}
}

func TestBadHeaders(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for head, want := range map[string][]string{
		"reference,recipient,amount":                                  {"currency"},
		"reference,recipient,amount,currency,foo":                     {"foo"},
		"reference,recipient,amount,currency,amount":                  {"amount"},
		"reference,recipient,amount,currency,product.foo":             {"product.foo"},
		"reference,recipient,amount,currency,voucher_id":              {"voucher_id"},
		"reference,recipient,amount,currency,product":                 {"product"},
		"reference,recipient,amount,currency,metadata.":               {"metadata."},
		"reference,recipient,amount,currency,":                        {""},
		"Reference,recipient,amount,currency":                         {"Reference", "reference"},
		"a,+27831234567,5,ZAR":                                        {"+27831234567", "5", "ZAR", "a", "amount", "currency", "recipient", "reference"},
		"reference|recipient|amount|currency":                         {"amount", "currency", "recipient", "reference", "reference|recipient|amount|currency"},
		"\xff\xfer\x00e\x00f\x00,recipient,amount,currency,reference": {"��r�e�f�"},
	} {
		got := a.upload(csvType, head+"\na,+27831234567,5,ZAR\n").problem(422, "invalid")
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", head, d)
		}
	}
	if len(a.store.batches) != 0 {
		t.Error("a refused file left a batch")
	}
}

// What was read before a stream breaks is taken, and the break is reported with its place.
func TestBrokenStreams(t *testing.T) {
	t.Parallel()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	for i := range 2000 {
		fmt.Fprintf(w, "%s\n", strings.Replace(good(fmt.Sprintf("z%d-%x", i, i*7919)), "5.00", fmt.Sprint(1+i%90), 1))
	}
	w.Close()
	cut := zipped.String()[:zipped.Len()*2/3]
	flipped := bytes.Clone(zipped.Bytes())
	flipped[len(flipped)-6] ^= 0xff
	for name, c := range map[string]struct {
		typ, body, enc string
		min, line      int64
		code           string
	}{
		"json cut":           {"application/json", `{"topups":[` + good("a") + `,` + good("b") + `,{"ref`, "", 2, 3, "stream_broken"},
		"json cut in array":  {"application/json", `{"topups":[` + good("a") + `,` + good("b"), "", 2, 3, "stream_broken"},
		"json no brace":      {"application/json", `{"topups":[` + good("a") + `,` + good("b") + `]`, "", 2, 2, "stream_broken"},
		"json no comma":      {"application/json", `{"topups":[` + good("a") + good("b") + `]}`, "", 1, 2, "stream_broken"},
		"json comma at end":  {"application/json", `{"topups":[` + good("a") + `,` + good("b") + `,]}`, "", 2, 3, "stream_broken"},
		"json garbage":       {"application/json", `{"topups":[` + good("a") + `,{"reference":},` + good("b") + `]}`, "", 1, 2, "stream_broken"},
		"json bracket":       {"application/json", `{"topups":[` + good("a") + `,{"x":[}],` + good("b") + `]}`, "", 1, 2, "stream_broken"},
		"json second member": {"application/json", `{"topups":[` + good("a") + `],"name":"x"}`, "", 1, 1, "stream_broken"},
		"json text after":    {"application/json", `{"topups":[` + good("a") + `]}{}`, "", 1, 1, "stream_broken"},
		"csv quote":          {csvType, "reference,recipient,amount,currency\na,+27831234567,5,ZAR\nb,\"+27831234567,5,ZAR\nc,+27831234567,5,ZAR\n", "", 1, 3, "stream_broken"},
		"gzip cut":           {ndjson, cut, "gzip", 100, 0, "stream_broken"},
		"gzip damaged":       {ndjson, string(flipped), "gzip", 100, 0, "stream_broken"},
		"gzip text after":    {ndjson, zipped.String() + "more", "gzip", 2000, 2001, "stream_broken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			rec := a.upload(c.typ, c.body, "Content-Encoding", c.enc).receipt(202)
			last := rec.Errors[len(rec.Errors)-1]
			if rec.Accepted < c.min || last.Code != c.code || (c.line > 0 && int64(last.Line) != c.line) || rec.Rejected != 1 {
				t.Errorf("%+v", rec)
			}
			if int64(a.store.count()) != rec.Accepted || !a.store.batches[topup.BatchID(*rec.BatchID)].Sealed {
				t.Errorf("%d records", a.store.count())
			}
			if rec.Errors[0].Message == "" || strings.Contains(rec.Errors[0].Message, "gzip:") {
				t.Errorf("message %q", rec.Errors[0].Message)
			}
		})
	}
}

// TestReasonsArePassedOver takes refused rows back as "topupq submit" wrote them: the text of error says nothing to us. In a
// single top-up, or as anything but text, it is an unknown field like any other.
func TestReasonsArePassedOver(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	with := func(reference, reason string) string {
		return strings.TrimSuffix(good(reference), "}") + `,"error":` + reason + "}"
	}
	rec := a.upload(ndjson, with("a", `"invalid amount: must be above 0"`)+"\n"+with("b", "{}")+"\n").receipt(202)
	if rec.Accepted != 1 || rec.Errors[0].Line != 2 || rec.Errors[0].Field != "error" {
		t.Errorf("%+v", rec)
	}
	a.do("POST", "/v1/topups", with("c", `"x"`)).problem(422, "invalid")
}
