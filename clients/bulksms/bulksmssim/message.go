package bulksmssim

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

const (
	// dedupWindow is how long a deduplication-id is remembered.
	dedupWindow = 12 * time.Hour
	// firstMessageID is the number before the first message's.
	firstMessageID = 4_000_000_000
)

// dedupEntry is the first answer under a deduplication-id.
type dedupEntry struct {
	at   time.Time
	body []byte
}

// message is one text that went out. What became of it follows from the clock alone.
type message struct {
	id, to, from, body, encoding string
	reference, dedup, submission string
	parts                        int
	at, sentAt, finalAt          time.Time
	final                        messageStatus
}

// notice is one report that is due at a time.
type notice struct {
	message *message
	at      time.Time
	status  messageStatus
}

// messageStatus is the member status.
type messageStatus struct {
	ID      string  `json:"id"`
	Type    string  `json:"type"`
	Subtype *string `json:"subtype"`
}

func newStatus(statusType, subtype string) messageStatus {
	if subtype == "" {
		return messageStatus{ID: statusType + ".null", Type: statusType}
	}
	return messageStatus{ID: statusType + "." + subtype, Type: statusType, Subtype: &subtype}
}

// status is what the message is at now.
func (m *message) status(now time.Time) messageStatus {
	switch {
	case now.Before(m.sentAt):
		return newStatus("ACCEPTED", "")
	case now.Before(m.finalAt):
		return newStatus("SENT", "")
	default:
		return m.final
	}
}

func (m *message) booking(now time.Time) Booking {
	state := map[string]string{"DELIVERED": "booked", "FAILED": "failed"}[m.status(now).Type]
	return Booking{
		Reference: m.reference, Recipient: m.to, Amount: m.cost().String(), Currency: "credits",
		State: cmp.Or(state, "pending"), Count: 1, TransactionID: m.id, At: m.at,
	}
}

// cost is one credit for each part.
func (m *message) cost() decimal.Decimal { return decimal.NewFromInt(int64(m.parts)) }

// messageAnswer is a message as BulkSMS shows it. Cost and parts have no value until it has left.
type messageAnswer struct {
	ID                   string        `json:"id"`
	Type                 string        `json:"type"`
	From                 string        `json:"from"`
	To                   string        `json:"to"`
	Body                 string        `json:"body"`
	Encoding             string        `json:"encoding"`
	ProtocolID           int           `json:"protocolId"`
	MessageClass         int           `json:"messageClass"`
	NumberOfParts        *int          `json:"numberOfParts"`
	CreditCost           *float64      `json:"creditCost"`
	Submission           submission    `json:"submission"`
	Status               messageStatus `json:"status"`
	RelatedSentMessageID *string       `json:"relatedSentMessageId"`
	UserSuppliedID       *string       `json:"userSuppliedId"`
}

type submission struct {
	ID   string `json:"id"`
	Date string `json:"date"`
}

func (m *message) answer(status messageStatus) messageAnswer {
	a := messageAnswer{
		ID: m.id, Type: "SENT", From: m.from, To: m.to, Body: m.body, Encoding: m.encoding, MessageClass: 2,
		Submission: submission{m.submission, m.at.UTC().Format(time.RFC3339)}, Status: status,
	}
	if m.reference != "" {
		a.UserSuppliedID = &m.reference
	}
	if status.Type != "ACCEPTED" {
		cost := float64(m.parts)
		a.NumberOfParts, a.CreditCost = &m.parts, &cost
	}
	return a
}

// newMessage makes the message of one recipient, as the rules about it say. The caller holds the lock.
func (s *Sim) newMessage(e entry, to, dedup, submissionID string, about []Rule) *message {
	now := s.opts.Clock()
	s.sequence++
	m := &message{
		id: strconv.Itoa(firstMessageID + s.sequence), to: strings.TrimPrefix(to, "+"),
		from: cmp.Or(e.From, "27007654321"), body: e.Body, encoding: cmp.Or(e.Encoding, "TEXT"),
		reference: e.UserSuppliedID, dedup: dedup, submission: submissionID, parts: parts(e.Body),
		at: now, sentAt: now.Add(s.opts.SentAfter), finalAt: now.Add(s.opts.SettleAfter), final: newStatus("DELIVERED", ""),
	}
	for _, r := range about {
		m.bend(r)
	}
	return m
}

// bend applies a rule about a message.
func (m *message) bend(r Rule) {
	switch r.Fault {
	case "pending":
		m.finalAt = m.at.Add(r.Delay)
		if r.Code == "failed" {
			m.final = newStatus("FAILED", "EXPIRED")
		}
	case "fail":
		m.final = newStatus("FAILED", cmp.Or(r.Code, "NOT_SENT"))
		if r.Delay > 0 {
			m.finalAt = m.at.Add(r.Delay)
		}
	case "refuse":
		m.final = newStatus("FAILED", cmp.Or(r.Code, "NOT_SENT"))
		m.sentAt, m.finalAt = m.at, m.at
	case "never_reported":
		m.finalAt = m.at.AddDate(100, 0, 0)
	}
	if m.finalAt.Before(m.sentAt) {
		m.sentAt = m.finalAt
	}
}

// plan lists the reports: SENT and the final one.
func (m *message) plan(about []Rule) []notice {
	notices := []notice{{m, m.sentAt, newStatus("SENT", "")}, {m, m.finalAt, m.final}}
	for _, r := range about {
		switch r.Fault {
		case "webhook_disorder":
			notices = []notice{{m, m.finalAt, m.final}, {m, m.finalAt, newStatus("SENT", "")}}
		case "webhook_twice":
			notices = append(notices, notices...)
		}
	}
	return notices
}

// parts is how many parts a text of the GSM alphabet is sent in.
func parts(body string) int {
	n := len([]rune(body))
	if n <= 160 {
		return 1
	}
	return (n + 152) / 153
}
