package reloadlysim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const tokenPath = "/oauth/token"

// call is one request as the simulator sees it.
type call struct {
	now     time.Time
	method  string
	path    string
	query   url.Values
	header  http.Header
	body    []byte
	parts   []string // segments bound to the wildcards of the route
	order   *orderBody
	placing bool // an order is being placed
	reused  bool // the connection has carried a call before
	// aboutOrder covers placing and everything that asks about orders.
	aboutOrder bool
	// ref and recipient are the order's, "" where the call has none.
	ref       string
	recipient string
}

// newCall finds out what a request is about.
func (s *Sim) newCall(r *http.Request, body []byte) *call {
	c := &call{
		now: s.opt.Now(), method: r.Method, path: r.URL.Path, query: r.URL.Query(), header: r.Header, body: body,
		reused: s.served[r.RemoteAddr],
	}
	c.aboutOrder = c.path == "/topups" || c.path == "/topups-async" || strings.HasPrefix(c.path, "/topups/")
	switch {
	case c.method == http.MethodPost && (c.path == "/topups" || c.path == "/topups-async"):
		c.placing = true
		s.readOrder(c)
	case c.aboutOrder && c.query.Has("customIdentifier"):
		c.ref = c.query.Get("customIdentifier")
		if list := s.byRef[strings.ToLower(c.ref)]; len(list) > 0 {
			c.ref, c.recipient = list[0].ref, list[0].recipient()
		}
	case c.aboutOrder:
		if o := s.byID[idIn(c.path)]; o != nil {
			c.ref, c.recipient = o.ref, o.recipient()
		}
	}
	return c
}

// readOrder parses an order's body; one that cannot be parsed leaves c.order nil.
func (s *Sim) readOrder(c *call) {
	var b orderBody
	if json.Unmarshal(c.body, &b) != nil {
		return
	}
	c.order, c.ref, c.recipient = &b, string(b.CustomIdentifier), string(b.RecipientEmail)
	if b.RecipientPhone != nil {
		c.recipient = onlyDigits(string(b.RecipientPhone.Number))
		if digits, ok := s.cat.international(string(b.RecipientPhone.Number), b.RecipientPhone.CountryCode); ok {
			c.recipient = digits
		}
	}
}

// idIn is the numeric segment of a path, 0 without one.
func idIn(path string) int64 {
	for _, part := range strings.Split(path, "/") {
		if id, err := strconv.ParseInt(part, 10, 64); err == nil {
			return id
		}
	}
	return 0
}

// decide answers c: a fault instead of it, or the call itself, perhaps with a spoilt answer.
func (s *Sim) decide(c *call) answer {
	kinds := []faultKind{beforeFault}
	if c.placing {
		kinds = append(kinds, refusalFault)
	}
	for _, kind := range kinds {
		if r := s.find(c, kind); r != nil {
			r.spend()
			return instead(c, r.Rule)
		}
	}
	magic, isMagic := s.magicExchange(c)
	if isMagic && faultKinds[magic.Fault] != afterFault {
		return instead(c, magic)
	}
	a := answer{reply: s.route(c)}
	if slow := s.slowOperator(c); slow > 0 && a.status >= 400 {
		a.act, a.delay = actSlow, slow
	}
	if c.placing && a.status >= 400 {
		return a // nothing was booked, so there is no answer to lose
	}
	if r := s.find(c, afterFault); r != nil {
		r.spend()
		return spoil(c, a, r.Rule)
	}
	if isMagic {
		return spoil(c, a, magic)
	}
	return a
}

// route is one method and path; "*" stands for one segment.
type route struct {
	method  string
	pattern string
	open    bool // needs no token
	serve   func(*Sim, *call) reply
}

var routes = []route{
	{"POST", tokenPath, true, (*Sim).token},
	{"GET", "/accounts/balance", false, (*Sim).accountBalance},
	{"GET", "/countries", false, (*Sim).countries},
	{"GET", "/countries/*", false, (*Sim).country},
	{"GET", "/operators", false, (*Sim).operators},
	{"GET", "/operators/commissions", false, (*Sim).commissions},
	{"POST", "/operators/fx-rate", false, (*Sim).fxRate},
	{"GET", "/operators/countries/*", false, (*Sim).operatorsByCountry},
	{"GET", "/operators/auto-detect/phone/*/countries/*", false, (*Sim).autoDetect},
	{"GET", "/operators/mnp-lookup/phone/*/countries/*", false, (*Sim).mnpGet},
	{"GET", "/operators/*/commissions", false, (*Sim).commission},
	{"POST", "/operators/*/fx-rate", false, (*Sim).fxRateOf},
	{"GET", "/operators/*", false, (*Sim).operator},
	{"POST", "/mnp-lookup/operators", false, (*Sim).mnpPost},
	{"GET", "/promotions", false, (*Sim).promotions},
	{"GET", "/promotions/country-codes/*", false, (*Sim).promotionsByCountry},
	{"GET", "/promotions/countries/*", false, (*Sim).promotionsByCountry},
	{"GET", "/promotions/operators/*", false, (*Sim).promotionsByOperator},
	{"GET", "/promotions/*", false, (*Sim).promotion},
	{"POST", "/topups", false, (*Sim).topup},
	{"POST", "/topups-async", false, (*Sim).topupAsync},
	{"GET", "/topups/reports/transactions", false, (*Sim).report},
	{"GET", "/topups/reports/transactions/*", false, (*Sim).transaction},
	{"GET", "/topups/*/status", false, (*Sim).topupStatus},
}

// route answers c by the first route that fits: wrong paths and methods get the framework's 404 and 405.
func (s *Sim) route(c *call) reply {
	known := false
	for _, r := range routes {
		parts, fits := bind(r.pattern, c.path)
		if !fits {
			continue
		}
		known = true
		if r.method != c.method {
			continue
		}
		if !r.open {
			if refused := s.checkAccess(c); refused != nil {
				return *refused
			}
		}
		c.parts = parts
		return r.serve(s, c)
	}
	if known {
		return frameworkError(c, http.StatusMethodNotAllowed)
	}
	return frameworkError(c, http.StatusNotFound)
}

// bind matches a path with a pattern and returns the segments under its wildcards.
func bind(pattern, path string) (parts []string, fits bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	for i, w := range want {
		switch {
		case w == "*" && got[i] != "":
			parts = append(parts, got[i])
		case w != got[i]:
			return nil, false
		}
	}
	return parts, true
}
