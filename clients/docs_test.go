package clients_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// documentedLookup is one line of the tables in docs/providers.md.
type documentedLookup struct {
	provider topup.ProviderName
	action   string
	params   map[string]any
	kind     string
}

var lookupLine = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| `topupq lookup (\\w+) (\\w+)([^`]*)` \\| ?(\\w*) ?\\|$")

// documentedLookups reads the tables.
func documentedLookups(t *testing.T) []documentedLookup {
	t.Helper()
	page, err := os.ReadFile("../docs/providers.md")
	if err != nil {
		t.Fatal(err)
	}
	var list []documentedLookup
	for _, m := range lookupLine.FindAllStringSubmatch(string(page), -1) {
		if m[1] != m[3] {
			t.Errorf("the line of %s shows %s", m[1], m[3])
		}
		d := documentedLookup{topup.ProviderName(m[2]), m[3], map[string]any{}, m[5]}
		for _, pair := range strings.Fields(m[4]) {
			key, value, _ := strings.Cut(pair, "=")
			d.params[key] = value
		}
		list = append(list, d)
	}
	return list
}

// TestEveryLookupIsDocumented holds docs/providers.md against the adapters: every action has its line, no line is of an
// action that is not there, and each line works as it is printed.
func TestEveryLookupIsDocumented(t *testing.T) {
	t.Parallel()
	lines := documentedLookups(t)
	seen := map[topup.ProviderName]bool{}
	for _, b := range backends() {
		if seen[b.name] {
			continue
		}
		seen[b.name] = true
		r := b.start(t)
		traits := r.provider.Traits()
		var documented []string
		for _, d := range lines {
			if d.provider != b.name {
				continue
			}
			documented = append(documented, d.action)
			if want := kindOf(traits, d.action); d.kind != want && d.kind != "billed" {
				t.Errorf("%s %s is documented as %q, not %q", b.name, d.action, d.kind, want)
			}
			if err := runAsPrinted(r, d); err != nil {
				t.Errorf("topupq lookup %s %s %v: %v", b.name, d.action, d.params, err)
			}
		}
		for _, action := range traits.Actions {
			if !slices.Contains(documented, action) {
				t.Errorf("docs/providers.md has no line with \"topupq lookup %s %s\"", b.name, action)
			}
		}
		if len(documented) != len(traits.Actions) {
			t.Errorf("%s has %d actions, %d are documented: %v", b.name, len(traits.Actions), len(documented), documented)
		}
	}
}

func kindOf(traits topup.Traits, action string) string {
	switch {
	case slices.Contains(traits.Catalogue, action):
		return "catalogue"
	case slices.ContainsFunc(traits.Owned, func(o topup.OwnedAction) bool { return o.Action == action }):
		return "own"
	default:
		return ""
	}
}

// runAsPrinted makes a documented lookup. What it asks for need not be there, but the parameters must be those that the
// action takes.
func runAsPrinted(r *rig, d documentedLookup) error {
	answer, err := r.provider.Lookup(r.Context(), d.action, d.params)
	var failure *topup.LookupError
	switch {
	case err == nil && !json.Valid(answer):
		return errors.New("its answer is not JSON")
	case err == nil, errors.As(err, &failure) && failure.Code == "provider_refused":
		return nil
	default:
		return err
	}
}

// payments are the actions that move money, by the path of the call that each makes.
var payments = map[topup.ProviderName]map[string]string{
	topup.Reloadly: {"makeTopup": "/topups", "makeAsyncTopup": "/topups-async"},
	topup.AAT: {
		"PerformPinlessRecharge": "", "PerformPinnedRecharge": "", "PerformPinnedRechargeWithoutMsisdn": "",
		"PerformPinlessRechargeFixedAmount": "", "PerformPinnedRechargeFixedAmount": "", "PerformPinnedRechargeWithoutMsisdnFixedAmount": "",
	},
	topup.RechargeKit: {"prepaid": "/recharge/prepaid", "postpaid": "/recharge/postpaid", "dth": "/recharge/dth"},
}

var paymentLine = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| `topupq submit topups\\.ndjson` \\| `(\\{.*\\})` \\|$")

// TestEveryPaymentIsDocumented: each action that moves money has a line for a file, and that line makes its call.
func TestEveryPaymentIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/providers.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]string{}
	for _, m := range paymentLine.FindAllStringSubmatch(string(page), -1) {
		lines[m[1]] = m[2]
	}
	seen := map[topup.ProviderName]bool{}
	for _, b := range backends() {
		if seen[b.name] {
			continue
		}
		seen[b.name] = true
		for action, path := range payments[b.name] {
			line, ok := lines[action]
			if !ok {
				t.Errorf("docs/providers.md has no line for %s of %s", action, b.name)
				continue
			}
			delete(lines, action)
			if path == "" {
				path = "/MobileRecharge.asmx/" + action
			}
			payAsPrinted(b.start(t), line, path)
		}
	}
	if len(lines) > 0 {
		t.Errorf("docs/providers.md shows actions that are not there: %v", lines)
	}
}

// payAsPrinted sends the order of a documented line and looks for the call that it is said to make.
func payAsPrinted(r *rig, line, path string) {
	r.Helper()
	var q struct {
		Reference string          `json:"reference"`
		Recipient topup.MSISDN    `json:"recipient"`
		Amount    decimal.Decimal `json:"amount"`
		Currency  string          `json:"currency"`
		Product   topup.Product   `json:"product"`
	}
	dec := json.NewDecoder(strings.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&q); err != nil {
		r.Fatalf("%s: %v", line, err)
	}
	id := ref(q.Reference)
	out, err := r.provider.Submit(r.Context(), topup.Order{
		Reference: id, Recipient: q.Recipient, Country: r.order.Country, Product: q.Product,
		Amount: topup.Money{Amount: q.Amount, Currency: q.Currency},
	})
	if err != nil || out.Answer != topup.Delivered && out.Answer != topup.InProgress {
		r.Errorf("%s: %v (%s, %s), %v", line, out.Answer, out.Code, out.Message, err)
	}
	if n := slices.IndexFunc(r.sim.requests(), func(q request) bool { return q.Path == path && q.Reference == string(id) }); n < 0 {
		r.Errorf("%s: does not call %s", line, path)
	}
}

// TestTraitsAreDocumented: the table of what is proved has each provider's hold.
func TestTraitsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/providers.md")
	if err != nil {
		t.Fatal(err)
	}
	holds := map[topup.ProviderName]string{}
	for _, b := range backends() {
		holds[b.name] = fmt.Sprintf("%.0f s", b.start(t).provider.Traits().Hold.Seconds())
	}
	want := fmt.Sprintf("| hold after the deadline of the send | %s | %s | %s |", holds[topup.Reloadly], holds[topup.AAT], holds[topup.RechargeKit])
	if !strings.Contains(string(page), want) {
		t.Errorf("docs/providers.md does not say: %s", want)
	}
}
