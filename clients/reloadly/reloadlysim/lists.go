package reloadlysim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
)

func (s *Sim) accountBalance(c *call) reply {
	s.settle()
	return ok(fields{
		"balance": number(s.balance), "currencyCode": accountCurrency, "currencyName": "US Dollar",
		"updatedAt": c.now.UTC().Format(stampForm),
	})
}

func (s *Sim) countries(*call) reply {
	list := []any{}
	for _, c := range countries {
		list = append(list, c.json())
	}
	return ok(list)
}

func (s *Sim) country(c *call) reply {
	found, known := s.cat.countries[strings.ToUpper(c.parts[0])]
	if !known {
		return refuse(c, http.StatusNotFound, "COUNTRY_NOT_SUPPORTED", "Country not found and/or not currently supported")
	}
	return ok(found.json())
}

func (c country) json() fields {
	return fields{
		"isoName": c.iso, "name": c.name, "continent": c.continent, "currencyCode": c.currency,
		"currencyName": c.currencyName, "currencySymbol": c.symbol, "callingCodes": []string{"+" + c.code},
		"flag": "https://s3.amazonaws.com/rld-flags/" + strings.ToLower(c.iso) + ".svg",
	}
}

func (s *Sim) operators(c *call) reply {
	return pageOf(c, s.filtered(c, ""), 200, 1000, func(op *operator) any { return op.json(c) })
}

func (s *Sim) operatorsByCountry(c *call) reply {
	iso := strings.ToUpper(c.parts[0])
	if _, known := s.cat.countries[iso]; !known {
		return refuse(c, http.StatusNotFound, "COUNTRY_NOT_SUPPORTED", "Country not found and/or not currently supported")
	}
	list := []any{}
	for _, op := range s.filtered(c, iso) {
		list = append(list, op.json(c))
	}
	return ok(list)
}

// filtered applies the boolean parameters of the lists; iso "" is every country.
func (s *Sim) filtered(c *call, iso string) []*operator {
	no := func(name string) bool { return c.query.Get(name) == "false" }
	yes := func(name string) bool { return c.query.Get(name) == "true" }
	list := []*operator{}
	for _, op := range s.cat.operators {
		fixed := len(op.fixed) > 0
		out := iso != "" && op.iso != iso ||
			no("includeBundles") && op.bundle || no("includeData") && op.data || no("includePin") && op.pin ||
			no("includeFixed") && fixed || no("includeRange") && !fixed ||
			yes("bundlesOnly") && !op.bundle || yes("dataOnly") && !op.data || yes("pinOnly") && !op.pin || yes("comboOnly")
		if !out {
			list = append(list, op)
		}
	}
	return list
}

func (s *Sim) operator(c *call) reply {
	op := s.cat.byText(c.parts[0])
	if op == nil {
		return refuse(c, http.StatusNotFound, "", "Operator not found for given id")
	}
	return ok(op.json(c))
}

func (s *Sim) autoDetect(c *call) reply {
	number, iso := c.parts[0], strings.ToUpper(c.parts[1])
	switch _, known := s.cat.countries[iso]; {
	case len(iso) != 2:
		return refuse(c, http.StatusNotFound, "", "Country code must be a 2-letter ISO-3166 alpha code")
	case !known:
		return refuse(c, http.StatusConflict, "COUNTRY_NOT_SUPPORTED", "Country not found and/or not currently supported")
	case iso == "IN" && s.opt.NoIndia:
		return frameworkError(c, http.StatusInternalServerError)
	}
	if op := s.cat.detect(number, iso); op != nil {
		return ok(op.json(c))
	}
	return refuse(c, http.StatusNotFound, "COULD_NOT_AUTO_DETECT_OPERATOR", "Could not auto detect operator for given phone number")
}

func (s *Sim) mnpGet(c *call) reply { return s.mnp(c, c.parts[0], c.parts[1]) }

// mnpPost takes either name of the number; which one is right is not known.
func (s *Sim) mnpPost(c *call) reply {
	var b struct {
		CountryCode string `json:"countryCode"`
		Phone       loose  `json:"phone"`
		Number      loose  `json:"number"`
	}
	if json.Unmarshal(c.body, &b) != nil || b.Phone == "" && b.Number == "" {
		return *bad(c, "INVALID_INPUT_PROVIDED", "Invalid input provided")
	}
	return s.mnp(c, string(orElse(b.Number, b.Phone)), b.CountryCode)
}

// mnp finds a ported number's operator in Options.Ported, any other's by its prefix.
func (s *Sim) mnp(c *call, number, iso string) reply {
	digits, fits := s.cat.international(number, iso)
	if op := s.cat.byID[s.opt.Ported[digits]]; fits && op != nil {
		return ok(op.json(c))
	}
	if op := s.cat.detect(number, strings.ToUpper(iso)); fits && op != nil {
		return ok(op.json(c))
	}
	return jsonReply(http.StatusNotFound, fields{
		"timeStamp": c.now.UTC().Format(stampForm), "status": http.StatusNotFound, "error": "Not Found",
		"message": "mnp lookup for given number failed", "path": c.path,
	})
}

func (s *Sim) fxRateOf(c *call) reply { return s.fx(c, c.parts[0]) }

func (s *Sim) fxRate(c *call) reply { return s.fx(c, "") }

// fx answers the converted total under a name that says rate. The operator is in the path or in the body.
func (s *Sim) fx(c *call, id string) reply {
	var b struct {
		OperatorID loose `json:"operatorId"`
		Amount     loose `json:"amount"`
	}
	if json.Unmarshal(c.body, &b) != nil {
		return *bad(c, "INVALID_INPUT_PROVIDED", "Invalid input provided")
	}
	amount, err := decimal.NewFromString(string(b.Amount))
	if err != nil || amount.Sign() <= 0 {
		return *bad(c, "INVALID_INPUT_PROVIDED", "Invalid input provided")
	}
	op := s.cat.byText(orElse(id, string(b.OperatorID)))
	switch {
	case op == nil:
		return refuse(c, http.StatusNotFound, "", "Operator not found for given id")
	case op.inactive:
		return refuse(c, http.StatusInternalServerError, "FX_RATE_NOT_AVAILABLE",
			"Fx rate is currently not available for this operator, please try again later or contact support.")
	}
	return ok(fields{"id": op.id, "name": op.name, "fxRate": number(amount.Mul(op.rate)), "currencyCode": op.currency})
}

func (s *Sim) commissions(c *call) reply {
	return pageOf(c, s.cat.operators, 200, 1000, func(op *operator) any { return op.commission() })
}

func (s *Sim) commission(c *call) reply {
	op := s.cat.byText(c.parts[0])
	if op == nil {
		return refuse(c, http.StatusNotFound, "", "Operator not found for given id")
	}
	return ok(op.commission())
}

func (op *operator) commission() fields {
	return fields{
		"operator": fields{"operatorId": op.id, "name": op.name, "countryCode": op.iso, "data": op.data,
			"bundle": op.bundle, "status": !op.inactive},
		"percentage": number(op.discount), "internationalPercentage": number(op.discount), "localPercentage": 0,
		"updatedAt": "2021-06-26 03:36:16",
	}
}

// promotions: every operator whose ID is odd has one.
func (s *Sim) promotions(c *call) reply {
	return pageOf(c, s.promoted(""), 200, 1000, func(op *operator) any { return op.promotion() })
}

func (s *Sim) promoted(iso string) []*operator {
	return slices.DeleteFunc(slices.Clone(s.cat.operators), func(op *operator) bool {
		return op.id%2 == 0 || iso != "" && op.iso != iso
	})
}

func (s *Sim) promotion(c *call) reply {
	op := s.cat.byText(strings.TrimPrefix(c.parts[0], "9"))
	if op == nil || op.id%2 == 0 || !strings.HasPrefix(c.parts[0], "9") {
		return refuse(c, http.StatusNotFound, "", "Promotion not found")
	}
	return ok(op.promotion())
}

func (s *Sim) promotionsByCountry(c *call) reply {
	list := []any{}
	for _, op := range s.promoted(strings.ToUpper(c.parts[0])) {
		list = append(list, op.promotion())
	}
	return ok(list)
}

func (s *Sim) promotionsByOperator(c *call) reply {
	list := []any{}
	if op := s.cat.byText(c.parts[0]); op != nil && op.id%2 == 1 {
		list = append(list, op.promotion())
	}
	return ok(list)
}
