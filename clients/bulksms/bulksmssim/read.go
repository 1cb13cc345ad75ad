package bulksmssim

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const defaultLimit = 1000

// read answers the calls that send nothing. The caller holds the lock.
func (s *Sim) read(in *inbound, about []Rule) outbound {
	id, single := strings.CutPrefix(in.path, pathMessages+"/")
	switch {
	case in.method != http.MethodGet:
		return problem(http.StatusNotFound, "not-found", "")
	case in.path == pathMessages:
		return s.list(in, about)
	case single:
		return s.one(id, about)
	case in.path == pathProfile:
		return s.profile()
	case in.path == pathWebhooks:
		return outbound{status: http.StatusOK, body: encode(append([]webhook{}, s.webhooks...))}
	default:
		return problem(http.StatusNotFound, "not-found", "")
	}
}

func (s *Sim) profile() outbound {
	balance, _ := s.credits.Float64()
	return outbound{status: http.StatusOK, body: encode(map[string]any{
		"id": "1", "username": "simulator", "created": "2020-01-01T00:00:00Z",
		"credits": map[string]any{"balance": balance, "limit": 0, "isTransferAllowed": false},
		"quota":   map[string]any{"size": 100000, "remaining": 100000 - len(s.messages)},
	})}
}

func (s *Sim) one(id string, about []Rule) outbound {
	now := s.opts.Clock()
	for _, m := range s.messages {
		if m.id == id && !hidden(m, now, about) {
			return outbound{status: http.StatusOK, body: encode(m.answer(m.status(now))), about: m}
		}
	}
	return problem(http.StatusNotFound, "not-found", "")
}

// list answers GET /messages with the filters of the description.
func (s *Sim) list(in *inbound, about []Rule) outbound {
	clauses := parseFilter(in.query.Get("filter"))
	if clauses[badClause] != "" {
		return problem(http.StatusBadRequest, "bad-request", "unknown filter "+clauses[badClause])
	}
	limit, err := strconv.Atoi(cmp.Or(in.query.Get("limit"), strconv.Itoa(defaultLimit)))
	if err != nil || limit < 1 {
		return problem(http.StatusBadRequest, "bad-request", "limit must be above 0")
	}
	now := s.opts.Clock()
	found := []messageAnswer{}
	var first *message
	for _, m := range s.messages {
		a := m.answer(m.status(now))
		if hidden(m, now, about) || !fits(a, clauses) {
			continue
		}
		found = append(found, a)
		first = m
	}
	if in.query.Get("sortOrder") != "ASCENDING" {
		slices.Reverse(found)
	}
	return outbound{status: http.StatusOK, body: encode(found[:min(limit, len(found))]), about: first}
}

// hidden reports whether a not_found rule keeps the message out of sight.
func hidden(m *message, now time.Time, about []Rule) bool {
	for _, r := range about {
		if r.Fault == "not_found" && (r.Delay <= 0 || now.Before(m.at.Add(r.Delay))) {
			return true
		}
	}
	return false
}

// badClause is the key under which parseFilter keeps a clause that it does not know.
const badClause = "bad"

// parseFilter reads clauses joined by &, by member and operator ("type=", "id<").
func parseFilter(filter string) map[string]string {
	clauses := map[string]string{}
	for _, clause := range strings.Split(filter, "&") {
		known := clause == ""
		for _, key := range []string{"id<", "id>", "type=", "submission.id=", "status.type=", "status.id=", "userSuppliedId="} {
			if value, ok := strings.CutPrefix(clause, key); ok {
				clauses[key], known = value, true
			}
		}
		if !known {
			clauses[badClause] = clause
		}
	}
	return clauses
}

func fits(a messageAnswer, clauses map[string]string) bool {
	for key, value := range clauses {
		ok := true
		switch key {
		case "id<":
			ok = a.ID < value
		case "id>":
			ok = a.ID > value
		case "type=":
			ok = a.Type == value
		case "submission.id=":
			ok = a.Submission.ID == value
		case "status.type=":
			ok = a.Status.Type == value
		case "status.id=":
			ok = a.Status.ID == value
		case "userSuppliedId=":
			ok = a.UserSuppliedID != nil && *a.UserSuppliedID == value
		}
		if !ok {
			return false
		}
	}
	return true
}
