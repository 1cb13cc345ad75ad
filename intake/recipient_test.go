package intake

import (
	"maps"
	"slices"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// The quick way through a number and libphonenumber's own agree on every region's example numbers of every type.
func TestRecipientCountryAgreesWithParse(t *testing.T) {
	t.Parallel()
	types := []phonenumbers.PhoneNumberType{
		phonenumbers.FIXED_LINE, phonenumbers.MOBILE, phonenumbers.TOLL_FREE, phonenumbers.PREMIUM_RATE,
		phonenumbers.SHARED_COST, phonenumbers.VOIP, phonenumbers.PERSONAL_NUMBER, phonenumbers.PAGER, phonenumbers.UAN,
	}
	tried := 0
	for _, region := range slices.Sorted(maps.Keys(phonenumbers.GetSupportedRegions())) {
		for _, typ := range types {
			example := phonenumbers.GetExampleNumberForType(region, typ)
			if example.GetCountryCode() == 0 {
				continue
			}
			number := phonenumbers.Format(example, phonenumbers.E164)
			if recipientForm(number) != "" {
				continue // shorter than any number that can be topped up
			}
			parsed, err := phonenumbers.Parse(number, "")
			if err != nil {
				t.Fatal(err)
			}
			want := phonenumbers.GetRegionCodeForNumber(parsed)
			got, err := recipientCountry(number)
			if err != nil || got != want {
				t.Errorf("%s: %s and %v, want %s", number, got, err, want)
			}
			tried++
		}
	}
	if tried < 500 {
		t.Errorf("only %d numbers tried", tried)
	}
}

func TestRecipientCountry(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{
		"+27831239001": "ZA", "+27831239012": "ZA", "+919812349001": "IN", "+2348031239001": "NG", "+233241239001": "GH",
		"+390612345678": "IT", "+447400123456": "GB", "+447781123456": "GG", "+12042345678": "CA", "+12125550123": "US",
		"+77001234567": "KZ", "+5491123456789": "AR",
		"+270831234567": "", "+80012345678": "", "+999123456789": "", "+27031234567": "", "+0123456789": "",
	} {
		got, err := recipientCountry(number)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q %v, want %q", number, got, err, want)
		}
	}
}
