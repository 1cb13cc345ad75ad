package intake

import (
	"errors"
	"strconv"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"topupq/topup"
)

// worldRegion is libphonenumber's region for numbers of no country (satellite, universal freephone).
const worldRegion = "001"

// recipientForm says what is wrong with the form of a number and how to write it; "" when nothing is.
func recipientForm(s string) string {
	if topup.ValidMSISDN(s) {
		return ""
	}
	for _, r := range s {
		if text := strangeRune(r); text != "" {
			return text
		}
	}
	digits := strings.TrimPrefix(s, "+")
	switch {
	case strings.HasPrefix(s, "00"):
		return "write + instead of the leading 00"
	case digits == s:
		return "must begin with + and the country code, such as +27831234567"
	case strings.HasPrefix(digits, "0"):
		return "a country code does not begin with 0: write it such as +27831234567"
	case strings.Trim(digits, "0123456789") != "":
		return "only digits may follow the leading +"
	default:
		return "must have 7 to 15 digits after the +"
	}
}

// strangeRune explains a character that cannot be part of a number; "" for a digit or +.
func strangeRune(r rune) string {
	switch {
	case r == '+' || (r >= '0' && r <= '9'):
		return ""
	case unicode.IsDigit(r), unicode.IsNumber(r):
		return "has digits of another script: write 0 to 9"
	case unicode.IsLetter(r):
		return "has letters: write digits only"
	case r == ' ' || r == '-' || r == '(' || r == ')' || r == '.' || r == '/':
		return "write it without spaces, dashes or brackets"
	default:
		return "has a sign that is no digit, perhaps an invisible one: type it again"
	}
}

var errNumber = errors.New("must be a number that exists in its country's numbering plan")

// recipientCountry returns the country of a number of the right form, ISO 3166-1 alpha-2. The error's text is for
// the merchant: the number cannot exist, or belongs to no country.
func recipientCountry(number string) (string, error) {
	if region := regionOf(splitNumber(number)); region != "" {
		return countryOf(region)
	}
	// What is not valid as it stands may be so by the rules of a dialled number: say how it is written then.
	n, err := phonenumbers.Parse(number, "")
	if err != nil || regionOf(n) == "" {
		return "", errNumber
	}
	if written := phonenumbers.Format(n, phonenumbers.E164); written != number {
		return "", errors.New("write it without the prefix of national calls: " + written)
	}
	return countryOf(regionOf(n))
}

func countryOf(region string) (string, error) {
	if region == worldRegion {
		return "", errors.New("belongs to no country")
	}
	return region, nil
}

// regionOf is the region in whose plan n is valid, "" when there is none.
func regionOf(n *phonenumbers.PhoneNumber) string {
	if n == nil {
		return ""
	}
	region := phonenumbers.GetRegionCodeForNumber(n)
	if region == "" || !phonenumbers.IsValidNumberForRegion(n, region) {
		return ""
	}
	return region
}

// unknownRegion is libphonenumber's region for a country code that nobody has.
const unknownRegion = "ZZ"

// splitNumber takes an E.164 number apart without the guesses that Parse makes about a dialled one, which cost more
// than everything else in a row: no country code is the beginning of another. nil where zeros need Parse's care.
func splitNumber(number string) *phonenumbers.PhoneNumber {
	code := 0
	for i := 1; i <= 3 && i < len(number); i++ {
		code = code*10 + int(number[i]-'0')
		if phonenumbers.GetRegionCodeForCountryCode(code) == unknownRegion {
			continue
		}
		national, err := strconv.ParseUint(number[i+1:], 10, 64)
		if err != nil || number[i+1] == '0' {
			return nil
		}
		code32 := int32(code)
		return &phonenumbers.PhoneNumber{CountryCode: &code32, NationalNumber: &national}
	}
	return nil
}
