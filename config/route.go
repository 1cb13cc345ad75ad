package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Route is where top-ups go that name no provider and match every field that is set.
type Route struct {
	// Country is the recipient's (ISO 3166-1 alpha-2), "" for every one.
	Country string
	// Operator is the network of the number's prefix or the number of an operator in the product; Merchant an ID.
	Operator, Merchant string
	// Providers are in order of preference; the later ones take over only what provably was not sent.
	Providers []string
}

// Lookups is what merchants may look up, and how long answers are kept.
type Lookups struct {
	// Deny lists "provider.action".
	Deny []string
	// CatalogueAge is how long an answer is fresh, CatalogueHardAge how long it may be served while the provider is down.
	CatalogueAge, CatalogueHardAge time.Duration
}

const anyCountry = "*"

var (
	countryPattern  = regexp.MustCompile(`^[A-Z]{2}$`)
	operatorPattern = regexp.MustCompile(`^[^/:>,=]{1,64}$`)
	merchantPattern = regexp.MustCompile(`^mer[a-z2-7]{10}$`)
)

// routes reads "COUNTRY[/operator=…][/merchant=…]:provider[>provider]" entries over the routes that are there already.
func routes(to *[]Route) binding {
	return func(v value) error {
		out := slices.Clone(*to)
		for _, entry := range v.list() {
			r, err := parseRoute(entry)
			if err != nil {
				return err
			}
			out = slices.DeleteFunc(out, func(old Route) bool {
				return old.Country == r.Country && strings.EqualFold(old.Operator, r.Operator) && old.Merchant == r.Merchant
			})
			out = append(out, r)
		}
		*to = out
		return nil
	}
}

func parseRoute(entry string) (Route, error) {
	match, providers, ok := strings.Cut(entry, ":")
	parts := strings.Split(match, "/")
	r := Route{Country: strings.ToUpper(strings.TrimSpace(parts[0]))}
	if r.Country == anyCountry {
		r.Country = ""
	} else if !countryPattern.MatchString(r.Country) {
		ok = false
	}
	for _, part := range parts[1:] {
		name, text, _ := strings.Cut(part, "=")
		text = strings.TrimSpace(text)
		switch {
		case strings.TrimSpace(name) == "operator" && operatorPattern.MatchString(text) && r.Operator == "":
			r.Operator = text
		case strings.TrimSpace(name) == "merchant" && merchantPattern.MatchString(text) && r.Merchant == "":
			r.Merchant = text
		default:
			ok = false
		}
	}
	if !ok {
		return r, fmt.Errorf("%q is not a route: write COUNTRY:provider with a two-letter country or *, such as ZA:aat; /operator=NAME and /merchant=mer… may follow the country", entry)
	}
	for _, p := range strings.Split(providers, ">") {
		p = strings.TrimSpace(p)
		if p != ReloadlyName && p != AATName && p != RechargeKitName || slices.Contains(r.Providers, p) {
			return r, fmt.Errorf("%q names no provider, or one twice: one of reloadly, aat, rechargekit, in order with > between them", entry)
		}
		r.Providers = append(r.Providers, p)
	}
	return r, nil
}

// routeItem is a route written as a mapping of country, operator, merchant and providers.
func routeItem(entries []*ast.MappingValueNode) (string, bool) {
	parts := map[string]string{}
	for _, e := range entries {
		key, ok := scalar(e.Key)
		text, plain := scalar(e.Value)
		if list, isList := e.Value.(*ast.SequenceNode); isList && key == "providers" {
			text, plain = joinScalars(list, ">")
		}
		if !ok || !plain || !slices.Contains([]string{"country", "operator", "merchant", "providers"}, key) {
			return "", false
		}
		parts[key] = text
	}
	match := parts["country"]
	if match == "" {
		match = anyCountry
	}
	for _, key := range []string{"operator", "merchant"} {
		if parts[key] != "" {
			match += "/" + key + "=" + parts[key]
		}
	}
	return match + ":" + parts["providers"], parts["providers"] != ""
}

func joinScalars(list *ast.SequenceNode, sep string) (string, bool) {
	var texts []string
	for _, n := range list.Values {
		text, ok := scalar(n)
		if !ok {
			return "", false
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, sep), true
}
