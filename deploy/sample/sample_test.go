package sample_test

import (
	"bytes"
	"encoding/csv"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nyaruka/phonenumbers"

	"topupq/deploy/sample"
)

func TestFilesAreWhatTheTableMakes(t *testing.T) {
	t.Parallel()
	batch, err := sample.CSV()
	if err != nil {
		t.Fatal(err)
	}
	again, err := sample.CSV()
	if err != nil || !bytes.Equal(batch, again) {
		t.Fatal("two runs differ", err)
	}
	const mend = `stale: run "go run ./deploy/sample/gen"`
	if diff := cmp.Diff(string(batch), string(sample.TopupsCSV())); diff != "" {
		t.Error(mend, diff)
	}
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(sample.Readme()), string(page)); diff != "" {
		t.Error(mend, diff)
	}
}

func TestCasesAddUp(t *testing.T) {
	t.Parallel()
	got := map[string]int{}
	names := map[[3]string]bool{}
	faults, total := 0, 0
	for _, c := range sample.Cases() {
		key := [3]string{c.Name, c.Provider, c.WantState}
		if names[key] || c.Rows <= 0 || c.Explains == "" {
			t.Errorf("%v: listed twice, without rows or without a word", key)
		}
		names[key] = true
		got[c.Provider] += c.Rows
		total += c.Rows
		if c.Accepted() && endings[c.Name] != "" {
			faults += c.Rows
		}
		if c.WantBooked != (c.WantState == sample.Succeeded) {
			t.Errorf("%v: exactly what succeeds is booked", key)
		}
	}
	want := map[string]int{"aat": 400, "reloadly": 326, "rechargekit": 200, "": 74}
	if diff := cmp.Diff(want, got); diff != "" || total != 1000 {
		t.Error(total, diff)
	}
	if faults < 130 || faults > 160 {
		t.Errorf("%d rows ask for a fault, want about 15 %%", faults)
	}
}

func TestRowsAreThoseOfTheFile(t *testing.T) {
	t.Parallel()
	rows, lines := sample.Rows(), records(t)
	if len(rows) != 1000 || len(lines) != 1000 {
		t.Fatal(len(rows), len(lines))
	}
	counts := map[sample.Case]int{}
	for i, r := range rows {
		counts[r.Case]++
		line := lines[i]
		if r.Line != i+2 || r.Reference != line["reference"] || line["metadata.case"] != r.Case.Name && r.Case.Name != "bad_columns_few" {
			t.Errorf("%+v is not line %d of the file: %v", r, i+2, line)
		}
	}
	for _, c := range sample.Cases() {
		if counts[c] != c.Rows {
			t.Errorf("%s of %s has %d rows, the case says %d", c.Name, c.Provider, counts[c], c.Rows)
		}
	}
}

var validReference = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

// The first row of a reference is the one that is accepted; only repeats and conflicts come after it.
func TestReferences(t *testing.T) {
	t.Parallel()
	lines := records(t)
	first := map[string]map[string]string{}
	for i, r := range sample.Rows() {
		before, there := first[r.Reference]
		same := cmp.Equal(before, lines[i])
		switch {
		case r.Case.Accepted() && (there || !validReference.MatchString(r.Reference)):
			t.Errorf("line %d: reference %q is used before or invalid", r.Line, r.Reference)
		case r.Case.WantState == sample.Duplicate && !(there && same):
			t.Errorf("line %d is not the same as the first row with %q", r.Line, r.Reference)
		case r.Case.Name == "conflict" && (!there || same || before["recipient"] == lines[i]["recipient"] && before["amount"] == lines[i]["amount"]):
			t.Errorf("line %d does not conflict with the first row with %q", r.Line, r.Reference)
		case r.Case.WantState == sample.Rejected && r.Case.Name != "conflict" && there:
			t.Errorf("line %d: a refused row uses the reference %q of another", r.Line, r.Reference)
		}
		if r.Case.Accepted() {
			first[r.Reference] = lines[i]
		}
	}
}

// endings are the last four digits that ask the simulators for a fault.
var endings = map[string]string{
	"late_success": "9001", "late_failure": "9002", "answer_lost_after_booking": "9003", "refused": "9005", "reversed": "9006",
	"http_500_after": "9007", "garbled": "9009", "recently_recharged": "9010", "slow": "9011", "hidden_after_lost_answer": "9012",
}

// regions are the country codes that the batch uses; +1 is the United States only.
var regions = map[string]string{
	"+234": "NG", "+233": "GH", "+254": "KE", "+92": "PK", "+44": "GB", "+1": "US", "+971": "AE", "+509": "HT", "+503": "SV",
	"+880": "BD", "+63": "PH", "+57": "CO", "+93": "AF", "+52": "MX", "+53": "CU", "+27": "ZA", "+91": "IN",
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	lines := records(t)
	used := map[string]int{}
	for i, r := range sample.Rows() {
		number := lines[i]["recipient"]
		if !r.Case.Accepted() {
			continue
		}
		used[number]++
		if limit := map[bool]int{true: 2, false: 1}[r.Case.Name == "same_number"]; used[number] > limit {
			t.Errorf("line %d: %s is used before", r.Line, number)
		}
		region := existing(t, number)
		if want := map[string]string{"ZA": "aat", "IN": "rechargekit"}[region]; lines[i]["provider"] == "" && r.Case.Provider != orElse(want, "reloadly") {
			t.Errorf("line %d: a number of %s is not routed to %s", r.Line, region, r.Case.Provider)
		}
		if end := number[len(number)-4:]; end != endings[r.Case.Name] && (endings[r.Case.Name] != "" || strings.HasPrefix(end, "90")) {
			t.Errorf("line %d: %s asks for another fault than %q", r.Line, number, r.Case.Name)
		}
	}
}

// existing checks that a mobile number exists in the country that its code says, and returns the country.
func existing(t *testing.T, number string) string {
	t.Helper()
	n, err := phonenumbers.Parse(number, "")
	if err != nil {
		t.Errorf("%s: %v", number, err)
		return ""
	}
	region := phonenumbers.GetRegionCodeForNumber(n)
	kind := phonenumbers.GetNumberType(n)
	mobile := kind == phonenumbers.MOBILE || kind == phonenumbers.FIXED_LINE_OR_MOBILE
	for code, want := range regions {
		if strings.HasPrefix(number, code) && want != region {
			t.Errorf("%s is a number of %q, not of %s", number, region, want)
		}
	}
	if !phonenumbers.IsValidNumber(n) || phonenumbers.Format(n, phonenumbers.E164) != number || !mobile {
		t.Errorf("%s is no valid mobile number in E.164 form", number)
	}
	return region
}

// Rows that are refused for another reason than their number have a good one, so that the reason is the only one.
func TestRefusedRowsHaveOneFault(t *testing.T) {
	t.Parallel()
	lines := records(t)
	for i, r := range sample.Rows() {
		if r.Case.WantState != sample.Rejected || strings.HasPrefix(r.Case.Name, "bad_number") {
			continue
		}
		existing(t, lines[i]["recipient"])
	}
}

// records are the rows of the file by column; cells beyond the header are left out.
func records(t *testing.T) []map[string]string {
	t.Helper()
	r := csv.NewReader(bytes.NewReader(sample.TopupsCSV()))
	r.FieldsPerRecord = -1
	all, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]string
	for _, record := range all[1:] {
		line := map[string]string{}
		for i, cell := range record[:min(len(record), len(all[0]))] {
			line[all[0][i]] = cell
		}
		list = append(list, line)
	}
	return list
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
