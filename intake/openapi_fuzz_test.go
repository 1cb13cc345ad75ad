package intake_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"pgregory.net/rapid"
)

// TestWholeDescriptionFuzzed calls everything that openapi.yaml describes with what it allows and with what it does not:
// no call may end with a fault of ours, and every answer is as described.
func TestWholeDescriptionFuzzed(t *testing.T) {
	t.Parallel()
	a := newAPI(t, withBodies)
	things := values(a.possess())
	ops := operations(t, true)
	called := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		op := rapid.SampledFrom(ops).Draw(rt, "operation")
		f := fuzzer{rt: rt, names: things}
		target := f.path(op) + f.query(op)
		if _, err := url.ParseRequestURI(target); err != nil {
			rt.Skip("no request can have this target")
		}
		body, mediaType := f.body(op)
		headers := append([]string{"Content-Type", mediaType}, f.headers(op)...)
		answer := a.do(op.method, target, body, headers...)
		called[op.OperationID]++
		if answer.status >= 500 {
			rt.Fatalf("%s %s: %d\n%s\n%s", op.method, target, answer.status, body, answer.body)
		}
	})
	if len(called) < len(ops)/2 {
		t.Errorf("only %d of %d operations were called", len(called), len(ops))
	}
}

// fuzzer draws requests. names are those of things that there are.
type fuzzer struct {
	rt    *rapid.T
	names []string
}

// wild reports whether the next value is to be one that the description does not allow.
func (f fuzzer) wild() bool { return rapid.IntRange(0, 7).Draw(f.rt, "wild") == 0 }

// odd are texts that have broken programs before.
var odd = []string{
	"", "0", "-1", "9223372036854775808", "1e400", "NaN", "null", "true", "../../etc", "%00", "\x00", "\u202e", "a b", "'\"<>", "{}", "[]",
	strings.Repeat("9", 400), strings.Repeat("é", 300), "2026-02-30T25:61:61Z", "+999999999999999999", "batzzzzzzzzzzzzz", "msg__", "msg_a_0",
}

func (f fuzzer) text(label string) string {
	if rapid.Bool().Draw(f.rt, label+" odd") {
		return rapid.SampledFrom(odd).Draw(f.rt, label)
	}
	return rapid.StringN(0, 40, 160).Draw(f.rt, label)
}

func (f fuzzer) path(op operation) string {
	parts := strings.Split(op.path, "/")
	for i, part := range parts {
		if !strings.HasPrefix(part, "{") {
			continue
		}
		name := rapid.SampledFrom(f.names).Draw(f.rt, part)
		switch {
		case f.wild():
			name = f.text(part)
		case part == "{date}":
			name = "2026-11-20"
		case part == "{provider}":
			name = rapid.SampledFrom([]string{"reloadly", "aat", "rechargekit", "bulksms"}).Draw(f.rt, part)
		}
		parts[i] = url.PathEscape(name)
	}
	return strings.Join(parts, "/")
}

func (f fuzzer) query(op operation) string {
	q := url.Values{}
	for _, p := range op.Parameters {
		if p.Value.In == "query" && rapid.Bool().Draw(f.rt, p.Value.Name+" given") {
			q.Set(p.Value.Name, f.plain(p.Value))
		}
	}
	if f.wild() {
		q.Add(f.text("parameter"), f.text("its value"))
	}
	q.Del("wait") // nobody waits for a fuzzer
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

func (f fuzzer) headers(op operation) []string {
	var out []string
	for _, p := range op.Parameters {
		if p.Value.In == "header" && p.Value.Name != "Prefer" && rapid.Bool().Draw(f.rt, p.Value.Name+" given") {
			if v := f.plain(p.Value); !strings.ContainsAny(v, "\r\n\x00") {
				out = append(out, p.Value.Name, v)
			}
		}
	}
	return out
}

// plain is a parameter's value as text.
func (f fuzzer) plain(p *openapi3.Parameter) string {
	if f.wild() {
		return f.text(p.Name)
	}
	if rapid.IntRange(0, 3).Draw(f.rt, p.Name+" known") == 0 {
		return rapid.SampledFrom(f.names).Draw(f.rt, p.Name)
	}
	v := f.value(p.Schema.Value, 3, p.Name)
	if text, ok := v.(string); ok {
		return text
	}
	return fmt.Sprint(v)
}

// body draws a body of one of the described types, or of another one.
func (f fuzzer) body(op operation) (text, mediaType string) {
	if op.RequestBody == nil {
		return "", "application/json"
	}
	content := op.RequestBody.Value.Content
	types := make([]string, 0, len(content))
	for typ := range content {
		types = append(types, typ)
	}
	slices.Sort(types)
	mediaType = rapid.SampledFrom(types).Draw(f.rt, "media type")
	if f.wild() {
		return f.text("body"), rapid.SampledFrom([]string{mediaType, "", "text/plain", "application/xml", "a/b/c"}).Draw(f.rt, "other type")
	}
	rows := 1
	if strings.Contains(mediaType, "ndjson") {
		rows = rapid.IntRange(0, 4).Draw(f.rt, "rows")
	}
	var b strings.Builder
	for range rows {
		v := f.value(f.rowSchema(content[mediaType].Schema, mediaType), 6, "body")
		encoded, err := json.Marshal(v)
		if err != nil {
			f.rt.Fatal(err)
		}
		b.Write(encoded)
		b.WriteByte('\n')
	}
	if strings.Contains(mediaType, "csv") {
		return "reference,recipient,amount,currency\n" + f.text("cells") + "," + f.text("cells") + ",2,ZAR\n", mediaType
	}
	return b.String(), mediaType
}

// rowSchema is the schema of one JSON text: of a row where the description has only "a text" for many.
func (f fuzzer) rowSchema(ref *openapi3.SchemaRef, mediaType string) *openapi3.Schema {
	doc, err := describedDocument()
	if err != nil {
		f.rt.Fatal(err)
	}
	if strings.Contains(mediaType, "ndjson") || ref == nil {
		return doc.Components.Schemas["TopupRequest"].Value
	}
	return ref.Value
}

// value draws what a schema allows, and now and then what it does not.
func (f fuzzer) value(s *openapi3.Schema, depth int, label string) any {
	if s == nil || depth == 0 || f.wild() {
		return f.anything(label)
	}
	for _, either := range [][]*openapi3.SchemaRef{s.OneOf, s.AnyOf} {
		if len(either) > 0 {
			return f.value(rapid.SampledFrom(either).Draw(f.rt, label+" kind").Value, depth-1, label)
		}
	}
	if len(s.Enum) > 0 {
		return rapid.SampledFrom(s.Enum).Draw(f.rt, label)
	}
	types := s.Type.Slice()
	if len(types) == 0 {
		return f.anything(label)
	}
	switch rapid.SampledFrom(types).Draw(f.rt, label+" type") {
	case "object":
		return f.object(s, depth, label)
	case "array":
		out := []any{}
		for range rapid.IntRange(0, 3).Draw(f.rt, label+" length") {
			out = append(out, f.value(s.Items.Value, depth-1, label))
		}
		return out
	case "string":
		return f.stringOf(s, label)
	case "integer", "number":
		return rapid.Int64Range(-2, 200).Draw(f.rt, label)
	case "boolean":
		return rapid.Bool().Draw(f.rt, label)
	default:
		return nil
	}
}

func (f fuzzer) stringOf(s *openapi3.Schema, label string) string {
	switch {
	case s.Pattern != "":
		return rapid.StringMatching(s.Pattern).Draw(f.rt, label)
	case s.Format == "date-time":
		return start.Add(time.Duration(rapid.IntRange(-100, 100).Draw(f.rt, label)) * time.Hour).Format(time.RFC3339)
	default:
		return rapid.SampledFrom(append([]string{"5", "5.00", "aat", "GetNetwork", "getBalance", "https://shop.example.com/cb"}, odd...)).Draw(f.rt, label)
	}
}

func (f fuzzer) object(s *openapi3.Schema, depth int, label string) map[string]any {
	out := map[string]any{}
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if slices.Contains(s.Required, name) != f.wild() || rapid.Bool().Draw(f.rt, label+"."+name+" given") {
			out[name] = f.value(s.Properties[name].Value, depth-1, label+"."+name)
		}
	}
	if f.wild() {
		out[f.text(label+" member")] = f.anything(label)
	}
	return out
}

func (f fuzzer) anything(label string) any {
	return rapid.SampledFrom([]any{
		nil, true, -1, 0, json.Number("1e9"), json.Number("9223372036854775808"), "", "x", "\x00", []any{}, []any{nil}, map[string]any{}, map[string]any{"": nil},
		strings.Repeat("z", 3000), json.Number("0.1"),
	}).Draw(f.rt, label+" anything")
}
