package reloadly

import (
	"context"
	"iter"
	"net/url"
	"strconv"
)

// Kinds of denomination.
const (
	Fixed = "FIXED"
	Range = "RANGE"
)

// Operator is one offer of a network. Airtime, data, bundle, combo and PIN offers of one network are separate
// operators with IDs of their own.
type Operator struct {
	// ID and OperatorID are the same number; either may be missing. Use Key.
	ID         Int  `json:"id"`
	OperatorID Int  `json:"operatorId"`
	Name       Text `json:"name"`
	// Bundle, Data, PIN and ComboProduct tell the kind; they are not always set properly.
	Bundle                           Flag `json:"bundle"`
	Data                             Flag `json:"data"`
	ComboProduct                     Flag `json:"comboProduct"`
	PIN                              Flag `json:"pin"`
	SupportsLocalAmounts             Flag `json:"supportsLocalAmounts"`
	SupportsGeographicalRechargePlan Flag `json:"supportsGeographicalRechargePlans"`
	// DenominationType is Fixed or Range.
	DenominationType          Text `json:"denominationType"`
	SenderCurrencyCode        Text `json:"senderCurrencyCode"`
	SenderCurrencySymbol      Text `json:"senderCurrencySymbol"`
	DestinationCurrencyCode   Text `json:"destinationCurrencyCode"`
	DestinationCurrencySymbol Text `json:"destinationCurrencySymbol"`
	// Commission is superseded by the two discounts; all are percent.
	Commission             Number `json:"commission"`
	InternationalDiscount  Number `json:"internationalDiscount"`
	LocalDiscount          Number `json:"localDiscount"`
	MostPopularAmount      Number `json:"mostPopularAmount"`
	MostPopularLocalAmount Number `json:"mostPopularLocalAmount"`
	MinAmount              Number `json:"minAmount"`
	MaxAmount              Number `json:"maxAmount"`
	LocalMinAmount         Number `json:"localMinAmount"`
	LocalMaxAmount         Number `json:"localMaxAmount"`
	Country                Place  `json:"country"`
	FX                     FX     `json:"fx"`
	LogoURLs               []Text `json:"logoUrls"`
	// FixedAmounts and LocalFixedAmounts belong together entry by entry; the first are in the account's currency.
	FixedAmounts                  []Number    `json:"fixedAmounts"`
	FixedAmountsDescriptions      Map[Text]   `json:"fixedAmountsDescriptions"`
	LocalFixedAmounts             []Number    `json:"localFixedAmounts"`
	LocalFixedAmountsDescriptions Map[Text]   `json:"localFixedAmountsDescriptions"`
	SuggestedAmounts              []Number    `json:"suggestedAmounts"`
	SuggestedAmountsMap           Map[Number] `json:"suggestedAmountsMap"`
	Fees                          Fees        `json:"fees"`
	GeographicalRechargePlans     []Plan      `json:"geographicalRechargePlans"`
	Promotions                    []Promotion `json:"promotions"`
	// Status is "ACTIVE"; missing in older answers.
	Status Text `json:"status"`
}

// Key is the operator's ID from whichever field has it, 0 if neither does.
func (o Operator) Key() int64 {
	if o.OperatorID != 0 {
		return int64(o.OperatorID)
	}
	return int64(o.ID)
}

// Place is a country's code and name.
type Place struct {
	ISOName Text `json:"isoName"`
	Name    Text `json:"name"`
}

// FX is the unit rate: destination units for one of the sender's.
type FX struct {
	Rate         Number `json:"rate"`
	CurrencyCode Text   `json:"currencyCode"`
}

// Fees are flat ones in the order's currency and percentages of its amount.
type Fees struct {
	International           Number `json:"international"`
	InternationalPercentage Number `json:"internationalPercentage"`
	Local                   Number `json:"local"`
	LocalPercentage         Number `json:"localPercentage"`
}

// Plan is what an Indian operator offers in one circle.
type Plan struct {
	LocationCode                  Text      `json:"locationCode"`
	LocationName                  Text      `json:"locationName"`
	FixedAmounts                  []Number  `json:"fixedAmounts"`
	LocalAmounts                  []Number  `json:"localAmounts"`
	FixedAmountsPlanNames         Map[Text] `json:"fixedAmountsPlanNames"`
	FixedAmountsDescriptions      Map[Text] `json:"fixedAmountsDescriptions"`
	LocalFixedAmountsPlanNames    Map[Text] `json:"localFixedAmountsPlanNames"`
	LocalFixedAmountsDescriptions Map[Text] `json:"localFixedAmountsDescriptions"`
}

// OperatorFilter are the boolean query parameters of the two lists, by Reloadly's names (includeBundles, includeData,
// includePin, includeCombo, bundlesOnly, dataOnly, pinOnly, comboOnly, includeRange, includeFixed, suggestedAmounts,
// suggestedAmountsMap, simplified). A name that is not there keeps Reloadly's default.
type OperatorFilter map[string]bool

func (f OperatorFilter) query() url.Values {
	q := url.Values{}
	for name, on := range f {
		q.Set(name, strconv.FormatBool(on))
	}
	return q
}

func operatorsCall(q url.Values) call { return get("/operators", "/operators", q) }

func operatorCall(id int64, q url.Values) call {
	return get("/operators/{operatorId}", "/operators/"+strconv.FormatInt(id, 10), q)
}

func autoDetectCall(phone, iso string, q url.Values) call {
	return get("/operators/auto-detect/phone/{phone}/countries/{iso}",
		"/operators/auto-detect/phone/"+segment(phone)+"/countries/"+segment(iso), q)
}

func operatorsByCountryCall(iso string, q url.Values) call {
	return get("/operators/countries/{iso}", "/operators/countries/"+segment(iso), q)
}

// Operators is getAllOperators: every operator of the filter, page by page. An error ends the iteration.
// https://docs.reloadly.com/airtime (GET /operators)
func (c *Client) Operators(ctx context.Context, f OperatorFilter) iter.Seq2[Operator, error] {
	return pages(catalogueSize, Operator.Key, func(page, size int) (Page[Operator], error) {
		return c.OperatorsPage(ctx, f, page, size)
	})
}

// OperatorsPage is one page of getAllOperators; page counts from 1, size is at most 1000.
func (c *Client) OperatorsPage(ctx context.Context, f OperatorFilter, page, size int) (Page[Operator], error) {
	return decoded(ctx, c, operatorsCall(paging(f.query(), page, size)), decodePage[Operator])
}

// Operator is getOperatorById. An unknown ID is an *Error 404 without code.
// https://docs.reloadly.com/airtime (GET /operators/{operatorId})
func (c *Client) Operator(ctx context.Context, id int64) (Operator, error) {
	return decoded(ctx, c, operatorCall(id, nil), decodeOperator)
}

// decodeOperator refuses an operator without the fields that an order is checked by.
func decodeOperator(body []byte) (Operator, error) {
	op, err := decodeOne[Operator](body)
	if err != nil {
		return Operator{}, err
	}
	kind := op.DenominationType
	if op.Key() <= 0 || op.SenderCurrencyCode == "" || kind != Fixed && kind != Range {
		return Operator{}, errIncomplete
	}
	return op, nil
}

// AutoDetect is autoDetectOperator: the airtime operator whose prefix fits the number, ported or not. phone is
// international or national. No match is an *Error 404 COULD_NOT_AUTO_DETECT_OPERATOR.
// https://docs.reloadly.com/airtime (GET /operators/auto-detect/phone/{phone}/countries/{iso})
func (c *Client) AutoDetect(ctx context.Context, phone, iso string) (Operator, error) {
	phone, iso, err := cleanNumber(phone, iso)
	if err != nil {
		return Operator{}, err
	}
	return decoded(ctx, c, autoDetectCall(phone, iso, nil), decodeOperator)
}

// OperatorsByCountry is getOperatorsByCountry; the list is not paged.
// https://docs.reloadly.com/airtime (GET /operators/countries/{iso})
func (c *Client) OperatorsByCountry(ctx context.Context, iso string, f OperatorFilter) ([]Operator, error) {
	iso, err := cleanISO(iso)
	if err != nil {
		return nil, err
	}
	return many[Operator](ctx, c, operatorsByCountryCall(iso, f.query()))
}

func cleanNumber(phone, iso string) (string, string, error) {
	iso, err := cleanISO(iso)
	if err != nil {
		return "", "", err
	}
	phone, err = cleanPhone(phone)
	return phone, iso, err
}
