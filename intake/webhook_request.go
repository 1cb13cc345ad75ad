package intake

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"topupq/topup"
)

// Bounds of an endpoint.
const (
	maxURL         = 2048
	maxHeaders     = 20
	maxHeaderValue = 1024
	maxGroup       = 100
)

// webhookFields are those of an endpoint; null stands for absent.
var webhookFields = []string{"url", "format", "callback_when", "events", "headers", "max_events"}

// readWebhook reads the endpoint that a merchant sets. A missing or empty url removes it; an absent list of events
// means all of them.
func (s *Server) readWebhook(v *value, m *mistakes) topup.Webhook {
	h := topup.Webhook{Format: topup.FormatStandard, CallbackWhen: topup.CallbackOnOutcome}
	if v.kind != kindObject {
		m.add("", fieldType, "must be an object")
		return h
	}
	for i, name := range v.names {
		item := &v.items[i]
		if item.kind == kindNull && slices.Contains(webhookFields, name) {
			continue
		}
		switch name {
		case "url":
			h.URL = m.text(item, "", name)
		case "format":
			h.Format = oneOf(m, item, name, topup.FormatStandard, topup.FormatAAT)
		case "callback_when":
			h.CallbackWhen = oneOf(m, item, name, topup.CallbackOnOutcome, topup.CallbackOnConfirmed)
		case "events":
			h.Events = readEvents(item, m)
		case "headers":
			h.Headers = readHeaders(item, m)
		case "max_events":
			h.MaxEvents = readMaxEvents(item, m)
		default:
			m.unknown("", name)
		}
	}
	if h.MaxEvents > 1 && h.Format == topup.FormatAAT {
		m.add("max_events", fieldInvalid, "must be 1 in the aat format, which has one top-up in a body")
	}
	if h.URL != "" {
		if text := checkEndpoint(h.URL, s.cfg.AllowPrivateCallbacks); text != "" {
			m.add("url", fieldInvalid, text)
		}
	}
	return h
}

func readMaxEvents(v *value, m *mistakes) int {
	n := m.positive(v, "", "max_events")
	if n > maxGroup {
		m.add("max_events", fieldInvalid, "must be at most 100")
	}
	if n == 1 {
		return 0
	}
	return int(min(n, maxGroup))
}

func oneOf(m *mistakes, v *value, name string, allowed ...string) string {
	text := m.text(v, "", name)
	if v.kind == kindString && !slices.Contains(allowed, text) {
		m.add(name, fieldInvalid, "must be one of "+strings.Join(allowed, ", "))
	}
	return text
}

func readEvents(v *value, m *mistakes) []topup.EventType {
	var events []topup.EventType
	for i, name := range m.texts(v, "", "events") {
		e := topup.EventType(name)
		if !slices.Contains(topup.EventTypes, e) {
			m.add("events["+strconv.Itoa(i)+"]", fieldInvalid, quoted(name)+" is no event")
			continue
		}
		if !slices.Contains(events, e) {
			events = append(events, e)
		}
	}
	return events
}

func readHeaders(v *value, m *mistakes) map[string]string {
	headers := m.pairs(v, "", "headers")
	if len(headers) > maxHeaders {
		m.add("headers", fieldInvalid, "must have at most 20 entries")
	}
	for name, text := range headers {
		if reserved(name) {
			m.add("headers."+printable(name), fieldInvalid, "is no header that can be set")
		}
		if len(text) > maxHeaderValue || !httpguts.ValidHeaderFieldValue(text) {
			m.add("headers."+printable(name), fieldInvalid, "must be printable text of at most 1024 characters")
		}
	}
	return headers
}

// reserved reports whether a header is not the merchant's to set: it steers the connection, or is part of what we
// sign and send.
func reserved(name string) bool {
	lower := strings.ToLower(name)
	if !httpguts.ValidHeaderFieldName(name) || len(name) > 64 ||
		strings.HasPrefix(lower, "webhook-") || strings.HasPrefix(lower, "proxy-") || strings.HasPrefix(lower, "content-") {
		return true
	}
	switch lower {
	case "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "host", "expect", "user-agent",
		"accept-encoding", "idempotency-key", "x-idempotency-key":
		return true
	}
	return false
}

// checkEndpoint says why a URL cannot be an endpoint, "" when it can. What its name leads to is checked again
// whenever a callback is sent.
func checkEndpoint(text string, allowPrivate bool) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > maxURL || u.Hostname() == "" || u.Opaque != "":
		return "must be an absolute URL of at most 2048 characters"
	case u.Scheme != "https" && (u.Scheme != "http" || !allowPrivate):
		return "must begin with https://"
	case u.User != nil:
		return "must not have a user name or password: set a header instead"
	case u.Fragment != "" || strings.Contains(text, "#"):
		return "must not have a fragment"
	case !plainText(text) || strings.ContainsAny(text, " \\"):
		return "must be escaped"
	case !validPort(u):
		return "must have a port from 1 to 65535, or none"
	case !allowPrivate && !publicName(u.Hostname()):
		return "must name a public host: no IP address, no local name"
	}
	return ""
}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.Atoi(u.Port())
	return err == nil && n > 0 && n < 65536
}

// publicName reports whether host can be a name of the public DNS: at least two labels, not under one of the names
// of private networks, and no IP address in any of the ways that resolvers read one (the last label is then a number).
func publicName(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if _, err := netip.ParseAddr(host); err == nil || strings.ContainsAny(host, ":%[]") {
		return false
	}
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	if len(labels) < 2 || len(host) > 253 || slices.Contains(labels, "") || last[0] >= '0' && last[0] <= '9' {
		return false
	}
	switch last {
	case "localhost", "local", "internal", "home", "lan", "corp", "intranet":
		return false
	}
	return true
}
