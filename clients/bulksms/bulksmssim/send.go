package bulksmssim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/shopspring/decimal"
)

// maxReference is the length of userSuppliedId in characters.
const maxReference = 20

// entry is one submission.
type entry struct {
	To             json.RawMessage `json:"to"`
	From           string          `json:"-"`
	RawFrom        json.RawMessage `json:"from"`
	Body           string          `json:"body"`
	Encoding       string          `json:"encoding"`
	UserSuppliedID string          `json:"userSuppliedId"`

	recipients []string
}

// parseEntries reads one submission or a list of them.
func parseEntries(body []byte) ([]entry, error) {
	var list []entry
	if trimmed := bytes.TrimSpace(body); len(trimmed) == 0 || trimmed[0] != '[' {
		body = append(append([]byte("["), body...), ']')
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, errors.New("body is not a submission or a list of them")
	}
	for i := range list {
		if err := list[i].complete(); err != nil {
			return nil, err
		}
	}
	if len(list) == 0 {
		return nil, errors.New("no submission")
	}
	return list, nil
}

// complete reads the members that come in several forms and checks the entry.
func (e *entry) complete() error {
	e.recipients = addresses(e.To)
	if from := addresses(e.RawFrom); len(from) > 0 {
		e.From = from[0]
	}
	switch {
	case len(e.recipients) == 0:
		return errors.New("to is required")
	case e.Body == "":
		return errors.New("body is required")
	case len([]rune(e.UserSuppliedID)) > maxReference:
		return errors.New("userSuppliedId must have at most 20 characters")
	}
	return nil
}

// addresses reads text, an object with address, or a list of either.
func addresses(raw json.RawMessage) []string {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		list = []json.RawMessage{raw}
	}
	var found []string
	for _, item := range list {
		var text string
		var object struct {
			Address string `json:"address"`
		}
		switch {
		case json.Unmarshal(item, &text) == nil && text != "":
			found = append(found, text)
		case json.Unmarshal(item, &object) == nil && object.Address != "":
			found = append(found, object.Address)
		}
	}
	return found
}

// send answers POST /messages. The caller holds the lock.
func (s *Sim) send(in *inbound, about []Rule) outbound {
	if in.failure != "" {
		return problem(http.StatusBadRequest, "bad-request", in.failure)
	}
	now := s.opts.Clock()
	if first, known := s.dedup[in.dedup]; in.dedup != "" && known && now.Before(first.at.Add(dedupWindow)) {
		return outbound{status: http.StatusCreated, body: first.body}
	}
	submissionID := fmt.Sprintf("1-%020d", s.history.Len())
	var batch []*message
	cost := decimal.Zero
	for _, e := range in.entries {
		for _, to := range e.recipients {
			m := s.newMessage(e, to, in.dedup, submissionID, about)
			batch = append(batch, m)
			cost = cost.Add(m.cost())
		}
	}
	if s.credits.LessThan(cost) {
		return problem(http.StatusForbidden, "insufficient-credits", "")
	}
	s.credits = s.credits.Sub(cost)
	answers := make([]messageAnswer, 0, len(batch))
	for _, m := range batch {
		s.messages = append(s.messages, m)
		s.schedule(m.plan(about))
		status := m.status(m.at)
		if status.Type != "FAILED" {
			status = newStatus("ACCEPTED", "")
		}
		answers = append(answers, m.answer(status))
	}
	body := encode(answers)
	if in.dedup != "" {
		s.dedup[in.dedup] = dedupEntry{now, body}
	}
	return outbound{status: http.StatusCreated, body: body, about: batch[0]}
}

// parseDedup checks a deduplication-id: a positive 32-bit integer.
func parseDedup(text string) error {
	if text == "" {
		return nil
	}
	if n, err := strconv.ParseInt(text, 10, 32); err != nil || n <= 0 {
		return errors.New("deduplication-id must be a positive 32-bit integer")
	}
	return nil
}
