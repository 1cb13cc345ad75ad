package bulksms_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"topupq/clients/bulksms"
)

// TestRecordedAnswersDecodeWithoutLoss decodes each recorded answer, writes it again and looks for every member of the
// original in it. Texts print as a mark, and what is null or missing is one.
func TestRecordedAnswersDecodeWithoutLoss(t *testing.T) {
	t.Parallel()
	for name, into := range map[string]any{
		"sent.json": &[]bulksms.Message{}, "webhook.json": &[]bulksms.Message{}, "profile.json": &bulksms.Profile{},
	} {
		body := testdata(t, name)
		if err := json.Unmarshal(body, into); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := json.Marshal(into)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(plain(t, body), common(plain(t, body), plain(t, again))); d != "" {
			t.Errorf("%s: lost or changed:\n%s", name, d)
		}
	}
}

func plain(t *testing.T, body []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// common drops from got what want does not have: members that are null or unknown, and texts, which print as a mark.
func common(want, got any) any {
	switch w := want.(type) {
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return got
		}
		for i := range w {
			g[i] = common(w[i], g[i])
		}
		return g
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return got
		}
		out := map[string]any{}
		for name, v := range w {
			switch {
			case v == nil || name == "newMember":
				out[name] = v
			case g[name] == "[redacted]":
				out[name] = v
			default:
				out[name] = common(v, g[name])
			}
		}
		return out
	default:
		return got
	}
}
