package reloadly

import (
	"context"
	"net/url"
)

func mnpGetCall(phone, iso string, q url.Values) call {
	k := get("/operators/mnp-lookup/phone/{phone}/countries/{iso}",
		"/operators/mnp-lookup/phone/"+segment(phone)+"/countries/"+segment(iso), q)
	k.once = true
	return k
}

func mnpPostCall(field, phone, iso string) call {
	k := post("/mnp-lookup/operators", map[string]string{"countryCode": iso, field: phone})
	k.once = true
	return k
}

// MNPLookup is mnpLookupGet: the operator that a ported number belongs to now. Reloadly bills it, so it is never
// repeated. A number that cannot be found is an *Error 404 without code.
// https://docs.reloadly.com/airtime (GET /operators/mnp-lookup/phone/{phone}/countries/{iso})
func (c *Client) MNPLookup(ctx context.Context, phone, iso string) (Operator, error) {
	phone, iso, err := cleanNumber(phone, iso)
	if err != nil {
		return Operator{}, err
	}
	return decoded(ctx, c, mnpGetCall(phone, iso, nil), decodeOperator)
}

// MNPLookupPost is mnpLookupPost, the same with the number kept out of the URL. Config.MNPField names the field.
// https://docs.reloadly.com/airtime (POST /mnp-lookup/operators)
func (c *Client) MNPLookupPost(ctx context.Context, phone, iso string) (Operator, error) {
	phone, iso, err := cleanNumber(phone, iso)
	if err != nil {
		return Operator{}, err
	}
	return decoded(ctx, c, mnpPostCall(c.cfg.MNPField, phone, iso), decodeOperator)
}
