package bulksms

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// The types of a message's status. ACCEPTED and SCHEDULED come in the answer to a send only.
const (
	StatusAccepted  = "ACCEPTED"
	StatusScheduled = "SCHEDULED"
	StatusSent      = "SENT"
	StatusDelivered = "DELIVERED"
	StatusUnknown   = "UNKNOWN"
	StatusFailed    = "FAILED"
)

// MaxUserSuppliedID is the length of userSuppliedId in characters.
const MaxUserSuppliedID = 20

// Status is what became of a message. ID is "TYPE.SUBTYPE", or "TYPE.null"; Subtype comes with FAILED only.
type Status struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Subtype string `json:"subtype"`
}

// Final reports whether the status will not change: DELIVERED or FAILED.
func (s Status) Final() bool { return s.Type == StatusDelivered || s.Type == StatusFailed }

// Submission is shared by all messages of one send. Date is yyyy-MM-ddThh:mm:ss with Z or an offset.
type Submission struct {
	ID   string `json:"id"`
	Date string `json:"date"`
}

// Message is one text to one number. Members that BulkSMS leaves out or sets to null are empty.
type Message struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	From string `json:"from"`
	// To may come without the leading "+": compare digits.
	To             string      `json:"to"`
	Body           Secret      `json:"body"`
	Encoding       string      `json:"encoding"`
	ProtocolID     json.Number `json:"protocolId"`
	MessageClass   json.Number `json:"messageClass"`
	NumberOfParts  json.Number `json:"numberOfParts"`
	CreditCost     json.Number `json:"creditCost"`
	Submission     Submission  `json:"submission"`
	Status         Status      `json:"status"`
	UserSuppliedID string      `json:"userSuppliedId"`
	// RelatedSentMessageID is the text that a received one answers.
	RelatedSentMessageID string `json:"relatedSentMessageId"`
}

// SendRequest is one text to one number.
type SendRequest struct {
	// DeduplicationID must be above 0, stored before the first send and not used for any other text of the account
	// within 12 hours: a second text with the same id is silently not sent.
	DeduplicationID int32
	// To is the number in E.164.
	To   string
	Body Secret
	// From overrides Config.From.
	From string
	// UserSuppliedID is ours, at most MaxUserSuppliedID characters; FindByUserSuppliedID asks by it.
	UserSuppliedID string
}

type sendBody struct {
	To             string `json:"to"`
	Body           string `json:"body"`
	From           string `json:"from,omitempty"`
	Encoding       string `json:"encoding"`
	UserSuppliedID string `json:"userSuppliedId,omitempty"`
}

// Send sends a text and returns its message. Fails with an *Error; where that is Retryable, send the very same request
// again, with the same DeduplicationID. The text is sent in the GSM alphabet: see CheckText.
//
// POST /messages of the provider's description.
func (c *Client) Send(ctx context.Context, r SendRequest) (Message, error) {
	const path = "/messages"
	if err := r.check(); err != nil {
		return Message{}, &Error{Op: "POST " + path, Err: errors.Join(ErrRequest, err)}
	}
	query := url.Values{
		"deduplication-id": {strconv.FormatInt(int64(r.DeduplicationID), 10)},
		"auto-unicode":     {"false"},
	}
	from := r.From
	if from == "" {
		from = c.from
	}
	body := sendBody{To: r.To, Body: r.Body.Reveal(), From: from, Encoding: "TEXT", UserSuppliedID: r.UserSuppliedID}
	var sent []Message
	if err := c.do(ctx, http.MethodPost, path, query, body, http.StatusCreated, &sent); err != nil {
		return Message{}, err
	}
	if len(sent) != 1 || sent[0].ID == "" || digits(sent[0].To) != digits(r.To) {
		return Message{}, &Error{Op: "POST " + path, HTTPStatus: http.StatusCreated, Err: ErrUnreadable}
	}
	if sent[0].Status.Type == StatusFailed {
		return sent[0], &Error{Op: "POST " + path, HTTPStatus: http.StatusCreated, Title: sent[0].Status.ID, Err: ErrNotDelivered}
	}
	return sent[0], nil
}

// SendText is Send in plain types, for callers that do not import this package: it checks the text with CheckText,
// sends it to the number to (E.164) under deduplicationID and reference (userSuppliedId) and returns BulkSMS' id of
// the message. The error has a method Retryable() bool.
func (c *Client) SendText(ctx context.Context, deduplicationID int32, reference, to, text string) (string, error) {
	if err := CheckText(text); err != nil {
		return "", &Error{Op: "POST /messages", Err: errors.Join(ErrRequest, err)}
	}
	m, err := c.Send(ctx, SendRequest{DeduplicationID: deduplicationID, To: to, Body: Secret(text), UserSuppliedID: reference})
	return m.ID, err
}

func (r SendRequest) check() error {
	switch {
	case r.DeduplicationID <= 0:
		return errors.New("deduplication-id must be above 0")
	case len(digits(r.To)) < 7:
		return errors.New("to is not a number in E.164")
	case r.Body == "":
		return errors.New("body is empty")
	case len([]rune(r.UserSuppliedID)) > MaxUserSuppliedID:
		return errors.New("userSuppliedId is longer than 20 characters")
	}
	return nil
}

// Message reads one message by BulkSMS' id. GET /messages/{id}; an *Error with Fragment NotFound means there is none.
func (c *Client) Message(ctx context.Context, id string) (Message, error) {
	var m Message
	err := c.do(ctx, http.MethodGet, "/messages/"+url.PathEscape(id), nil, nil, http.StatusOK, &m)
	return m, err
}

// FindByUserSuppliedID lists the messages sent with our id, newest first; none is no error. None for some minutes
// means that the text was not accepted (inferred, not documented). GET /messages with a filter.
func (c *Client) FindByUserSuppliedID(ctx context.Context, id string) ([]Message, error) {
	if id == "" || strings.ContainsAny(id, "&=<>") {
		return nil, &Error{Op: "GET /messages", Err: ErrRequest}
	}
	var list []Message
	err := c.do(ctx, http.MethodGet, "/messages", url.Values{"filter": {"type=SENT&userSuppliedId=" + id}}, nil, http.StatusOK, &list)
	return list, err
}

// digits are the digits of a number.
func digits(number string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, number)
}
