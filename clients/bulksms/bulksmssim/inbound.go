package bulksmssim

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
)

const (
	pathMessages = "/messages"
	pathProfile  = "/profile"
	pathWebhooks = "/webhooks"
	maxRequest   = 8 << 20
)

// inbound is one call to the provider, as far as rules and handlers need it.
type inbound struct {
	method, path string
	query        url.Values
	body         []byte
	authorized   bool
	// sends means that the call is a send; repeat that its deduplication-id is known; reused that its connection has
	// carried a call before.
	sends, repeat, reused bool
	dedup                 string
	entries               []entry
	// failure says why a send is malformed.
	failure   string
	reference string
	recipient string
	request   *Request
}

// outbound is the answer that the provider means to give, with the rule that decides how it is delivered.
type outbound struct {
	status int
	body   []byte
	header http.Header
	rule   Rule
	// about is the message that the answer begins with, nil for none.
	about *message
}

// receive reads a call and enters it into the list of requests.
func (s *Sim) receive(r *http.Request) *inbound {
	id, secret, _ := r.BasicAuth()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		body = nil
	}
	in := &inbound{
		method: r.Method, path: strings.TrimPrefix(r.URL.Path, "/v1"), query: r.URL.Query(), body: body,
		authorized: id == s.opts.TokenID && secret == s.opts.TokenSecret,
	}
	in.sends = in.method == http.MethodPost && in.path == pathMessages
	if in.sends {
		in.readSend()
	} else {
		in.reference = parseFilter(in.query.Get("filter"))["userSuppliedId="]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, in.repeat = s.dedup[in.dedup]
	in.request, in.reused = s.history.Enter(r, s.opts.Clock(), in.reference)
	if !in.sends && in.reference != "" {
		in.recipient = s.recipientOf(in.reference)
	}
	return in
}

// recipientOf is the number that a text went to. The caller holds the lock.
func (s *Sim) recipientOf(reference string) string {
	for _, m := range s.messages {
		if m.reference == reference {
			return m.to
		}
	}
	return ""
}

// readSend reads the submissions of a send.
func (in *inbound) readSend() {
	in.dedup = in.query.Get("deduplication-id")
	entries, err := parseEntries(in.body)
	if err == nil {
		err = parseDedup(in.dedup)
	}
	if err != nil {
		in.failure = err.Error()
		return
	}
	in.entries = entries
	in.reference = entries[0].UserSuppliedID
	in.recipient = strings.TrimPrefix(entries[0].recipients[0], "+")
}

// handle decides the answer: the rules, then the provider's own checks.
func (s *Sim) handle(in *inbound) outbound {
	if in.method == http.MethodPost && in.path == pathWebhooks && in.authorized {
		return s.addWebhook(in)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	about, delivery := s.take(in)
	out := s.answer(in, about, delivery)
	out.rule = delivery
	return out
}

// answer is handle below the lock.
func (s *Sim) answer(in *inbound, about []Rule, delivery Rule) outbound {
	f, _ := findFault(delivery.Fault)
	switch {
	case !in.authorized || f.name == "unauthorized":
		return problem(http.StatusUnauthorized, "authentication-failed", "Full authentication is required to access this resource")
	case f.name == "insufficient":
		return problem(http.StatusForbidden, "insufficient-credits", "")
	case f.name == "rate_limited":
		out := problem(http.StatusTooManyRequests, "too-many-requests", "")
		out.header = http.Header{"Retry-After": {"1"}}
		return out
	case f.name == "error":
		return scripted(delivery)
	case f.before && in.sends:
		return outbound{status: http.StatusCreated}
	case in.sends:
		return s.send(in, about)
	default:
		return s.read(in, about)
	}
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte(`{"title":"simulator: cannot encode"}`)
	}
	return b
}

var titles = map[string]string{
	"bad-request": "Bad Request", "authentication-failed": "Authentication Failed",
	"insufficient-credits": "Insufficient Credits", "not-found": "Not Found", "too-many-requests": "Too Many Requests",
}

// problem is an error in BulkSMS' form.
func problem(status int, fragment, detail string) outbound {
	return outbound{status: status, body: encode(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail,omitempty"`
	}{"https://developer.bulksms.com/json/v1/errors#" + fragment, titles[fragment], status, detail})}
}

// scripted is the answer of the fault "error".
func scripted(r Rule) outbound {
	status := r.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	out := problem(status, cmp.Or(r.Code, "bad-request"), r.Body)
	if strings.HasPrefix(r.Body, "{") || strings.HasPrefix(r.Body, "<") {
		out.body = []byte(r.Body)
	}
	return out
}
