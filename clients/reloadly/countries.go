package reloadly

import (
	"context"
	"net/url"
	"strings"
)

// Country is one that Reloadly can top up.
type Country struct {
	// ISOName is ISO 3166-1 alpha-2, upper case.
	ISOName        Text   `json:"isoName"`
	Name           Text   `json:"name"`
	Continent      Text   `json:"continent"`
	CurrencyCode   Text   `json:"currencyCode"`
	CurrencyName   Text   `json:"currencyName"`
	CurrencySymbol Text   `json:"currencySymbol"`
	Flag           Text   `json:"flag"`
	CallingCodes   []Text `json:"callingCodes"`
}

func countriesCall() call { return get("/countries", "/countries", nil) }

func countryCall(iso string) call { return get("/countries/{iso}", "/countries/"+segment(iso), nil) }

// Countries is getAllCountries; the list is not paged.
// https://docs.reloadly.com/airtime (GET /countries)
func (c *Client) Countries(ctx context.Context) ([]Country, error) {
	return many[Country](ctx, c, countriesCall())
}

// Country is getCountryByCode; iso is ISO 3166-1 alpha-2. An unknown one is an *Error 404 COUNTRY_NOT_SUPPORTED.
// https://docs.reloadly.com/airtime (GET /countries/{iso}; the documents print an array of one, the service an object)
func (c *Client) Country(ctx context.Context, iso string) (Country, error) {
	iso, err := cleanISO(iso)
	if err != nil {
		return Country{}, err
	}
	return one[Country](ctx, c, countryCall(iso))
}

// segment escapes one path segment; unlike url.PathEscape it escapes "+", which Reloadly wants as %2B.
func segment(s string) string {
	return strings.ReplaceAll(url.PathEscape(s), "+", "%2B")
}

// cleanISO checks an alpha-2 code and turns it to upper case.
func cleanISO(s string) (string, error) {
	up := strings.ToUpper(strings.TrimSpace(s))
	if len(up) != 2 || strings.Trim(up, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "", &RequestError{Field: "countryCode", Problem: "must be two letters (ISO 3166-1 alpha-2)"}
	}
	return up, nil
}

// cleanPhone drops spaces, dashes, dots and brackets and checks that digits with an optional leading "+" are left.
func cleanPhone(s string) (string, error) {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -.()", r) {
			return -1
		}
		return r
	}, s)
	digits := strings.TrimPrefix(s, "+")
	if len(digits) < 3 || len(digits) > 20 || strings.Trim(digits, "0123456789") != "" {
		return "", &RequestError{Field: "phone", Problem: "must be 3 to 20 digits with an optional leading +"}
	}
	return s, nil
}
