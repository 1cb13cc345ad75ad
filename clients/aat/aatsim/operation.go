package aatsim

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// kind is the .NET type of a parameter.
type kind int

const (
	kindString kind = iota
	kindInt
	kindDecimal
	kindDate
)

type parameter struct {
	name string
	kind kind
}

// operation is one of the fourteen: its parameters in the order of their declaration, and what it answers. A
// Perform call has a recharge instead of an answer.
type operation struct {
	name     string
	params   []parameter
	answer   func(*Sim, *inbound) element
	recharge *recharge
	// refused is the answer to bad credentials.
	refused func(text string) element
}

func operations() map[string]operation {
	msisdn := parameter{"msisdn", kindString}
	network, reference := parameter{"networkId", kindInt}, parameter{"clientRef", kindString}
	all := []operation{
		{name: "GetNetwork", params: []parameter{msisdn}, answer: (*Sim).getNetwork, refused: networkError},
		{name: "GetNetworkList", answer: (*Sim).getNetworkList, refused: networkListError},
		{name: "GetVoucherType", params: []parameter{network}, answer: (*Sim).getVoucherType, refused: voucherTypeError},
		{name: "GetVoucher", params: []parameter{network, {"vouchertype", kindInt}}, answer: (*Sim).getVoucher, refused: voucherError},
		{name: "GetUserCredit", answer: (*Sim).getUserCredit, refused: userCreditError},
		{name: "GetTransactionInfo", params: []parameter{reference}, answer: (*Sim).getTransactionInfo, refused: transactionInfoError},
		{
			name: "GetTransactionCount", params: []parameter{{"startdate", kindDate}, {"enddate", kindDate}},
			answer: (*Sim).getTransactionCount, refused: transactionCountError,
		},
		{name: "GetUserStatus", answer: (*Sim).getUserStatus, refused: userStatusError},
	}
	for _, r := range recharges() {
		all = append(all, operation{name: r.operation, params: r.params(), recharge: &r, refused: rechargeError})
	}
	byName := map[string]operation{}
	for _, o := range all {
		o.params = append([]parameter{{"username", kindString}, {"password", kindString}}, o.params...)
		byName[o.name] = o
	}
	return byName
}

// inbound is one call to the provider, as far as rules and handlers need it.
type inbound struct {
	path      string
	operation operation
	known     bool
	// values are the parameters by their names in lower case.
	values map[string]string
	// ints, amount and dates are what the values read as.
	ints   map[string]int
	amount decimal.Decimal
	dates  map[string]time.Time
	// reused means that the connection has carried a call before.
	reused    bool
	reference string
	recipient string
	// request is the call's line in the history.
	request *Request
	// about are the rules about the transaction or its status.
	about []Rule
}

func (in *inbound) pays() bool { return in.operation.recharge != nil }

// aboutTransaction reports whether the call makes a transaction or asks for one.
func (in *inbound) aboutTransaction() bool {
	return in.pays() || in.operation.name == "GetTransactionInfo"
}

// receive reads a call and enters it into the list of requests.
func (s *Sim) receive(r *http.Request) *inbound {
	in := &inbound{path: r.URL.Path, values: readValues(r), ints: map[string]int{}, dates: map[string]time.Time{}}
	if i := strings.LastIndex(r.URL.Path, ".asmx/"); i >= 0 {
		in.operation, in.known = s.operations[r.URL.Path[i+len(".asmx/"):]]
	}
	in.reference, in.recipient = in.values["clientref"], in.values["recipientmsisdn"]
	s.mu.Lock()
	defer s.mu.Unlock()
	in.request, in.reused = s.history.Enter(r, s.opts.Clock(), in.reference)
	if t := s.transactions[in.reference]; t != nil && !in.pays() {
		in.recipient = t.recipient
	}
	return in
}

// readValues are the parameters of the query (GET) or of the form (POST), found by name in any case.
func readValues(r *http.Request) map[string]string {
	var form url.Values
	switch {
	case r.Method == http.MethodGet:
		form = r.URL.Query()
	case r.ParseForm() == nil:
		form = r.PostForm
	}
	values := map[string]string{}
	for name, v := range form {
		values[strings.ToLower(name)] = v[0]
	}
	return values
}

// parse reads the parameters in the order of their declaration. It returns the text of the exception for the first
// one that is missing or cannot be read, as ASMX does; an empty string is there, but is no number.
func (in *inbound) parse() string {
	for _, p := range in.operation.params {
		v, there := in.values[strings.ToLower(p.name)]
		if !there {
			return "Missing parameter: " + p.name + "."
		}
		if err := in.parseOne(p, strings.TrimSpace(v)); err != nil {
			return fmt.Sprintf("Cannot convert %s to %s.\r\nParameter name: type ---> %s", v, p.kind, err)
		}
	}
	return ""
}

func (in *inbound) parseOne(p parameter, v string) (err error) {
	switch p.kind {
	case kindString:
	case kindInt:
		var n int64
		if n, err = strconv.ParseInt(v, 10, 32); err != nil {
			return errFormat("Input string was not in a correct format.")
		}
		in.ints[p.name] = int(n)
	case kindDecimal:
		// The invariant culture takes commas for thousands separators, wherever they stand.
		if in.amount, err = decimal.NewFromString(strings.ReplaceAll(v, ",", "")); err != nil || strings.ContainsAny(v, "eE") {
			return errFormat("Input string was not in a correct format.")
		}
	case kindDate:
		if in.dates[p.name], err = time.ParseInLocation(time.DateOnly, v, southAfrica()); err != nil {
			return errFormat("String was not recognized as a valid DateTime.")
		}
	}
	return nil
}

type errFormat string

func (e errFormat) Error() string { return string(e) }

// String is the .NET name of the type.
func (k kind) String() string {
	return [...]string{"System.String", "System.Int32", "System.Decimal", "System.DateTime"}[k]
}

func southAfrica() *time.Location { return time.FixedZone("SAST", 2*60*60) }
