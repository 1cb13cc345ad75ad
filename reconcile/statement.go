package reconcile

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// Statement reads a provider's statement: CSV with a header, separated by commas, semicolons or tabs. Columns are known
// by common names in any case and with any separators in them (clientRef, Client Ref and client_ref are one); others are
// passed over. Only a column of references is required.
type Statement struct {
	Provider topup.ProviderName
	// Location is the zone of times that name none, Currency that of amounts that name none.
	Location *time.Location
	Currency string
	// Bad is told of every line that cannot be read; nil for nobody. Lines count from 1, the header is line 1.
	Bad func(line int, problem string)
}

// statementColumns are the names of columns, without separators and in lower case.
var statementColumns = map[string][]string{
	"reference":   {"reference", "clientref", "clientreference", "customidentifier", "partnerrequestid", "partnerreqid", "merchantreference", "externalid", "ref"},
	"transaction": {"transactionid", "orderref", "orderid", "txnid", "id"},
	"at":          {"at", "date", "datetime", "transactiondate", "createdat", "time", "timestamp"},
	"recipient":   {"recipient", "msisdn", "recipientphone", "mobileno", "mobile", "number", "phone", "cellno", "cellnumber"},
	"amount":      {"amount", "requestedamount", "rechargeamount", "value"},
	"currency":    {"currency", "requestedamountcurrencycode", "currencycode"},
	"cost":        {"cost", "debit", "charged", "netamount"},
	"costcode":    {"costcurrency"},
	"status":      {"status", "state", "result", "success"},
}

// statementWords are what statements call the ends of an order. A statement without a column of states lists bookings.
var statementWords = map[string]topup.ListedState{
	"": topup.ListedBooked, "ok": topup.ListedBooked, "success": topup.ListedBooked, "successful": topup.ListedBooked, "completed": topup.ListedBooked,
	"delivered": topup.ListedBooked, "true": topup.ListedBooked, "1": topup.ListedBooked, "booked": topup.ListedBooked,
	"failed": topup.ListedReturned, "failure": topup.ListedReturned, "refunded": topup.ListedReturned, "reversed": topup.ListedReturned,
	"cancelled": topup.ListedReturned, "false": topup.ListedReturned, "3": topup.ListedReturned, "rejected": topup.ListedReturned,
	"pending": topup.ListedOpen, "processing": topup.ListedOpen, "inprogress": topup.ListedOpen, "2": topup.ListedOpen,
}

var statementTimes = []string{
	time.RFC3339, "2006-01-02T15:04:05", time.DateTime, "2006-01-02 15:04", "2006/01/02 15:04:05", "2006/01/02 15:04", "02/01/2006 15:04:05", "02/01/2006 15:04", time.DateOnly,
}

// ErrNoReferences means that no column of references was found in a statement's header.
var ErrNoReferences = errors.New("the statement has no column of references (reference, clientRef, customIdentifier or partner_request_id)")

// Lines reads the statement, line by line. Its errors are ErrNoReferences and those of the reader.
func (s Statement) Lines(r io.Reader) (iter.Seq2[topup.Listed, error], error) {
	in := bufio.NewReader(r)
	if mark, err := in.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = in.Discard(3)
	}
	head, err := in.Peek(in.Size())
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("read statement: %w", err)
	}
	c := csv.NewReader(in)
	c.Comma, c.FieldsPerRecord, c.ReuseRecord, c.TrimLeadingSpace = separator(string(head)), -1, true, true
	names, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("read statement: %w", err)
	}
	at := columnsOf(names)
	if _, ok := at["reference"]; !ok {
		return nil, ErrNoReferences
	}
	return func(yield func(topup.Listed, error) bool) {
		for {
			cells, err := c.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			var broken *csv.ParseError
			if errors.As(err, &broken) {
				s.bad(broken.Line, broken.Err.Error())
				continue
			}
			if err != nil {
				yield(topup.Listed{}, fmt.Errorf("read statement: %w", err))
				return
			}
			l, problem := s.line(cells, at)
			if problem != "" {
				line, _ := c.FieldPos(0)
				s.bad(line, problem)
				continue
			}
			if !yield(l, nil) {
				return
			}
		}
	}, nil
}

func (s Statement) bad(line int, problem string) {
	if s.Bad != nil {
		s.Bad(line, problem)
	}
}

// separator is the one of three that the header has most of.
func separator(text string) rune {
	head, _, _ := strings.Cut(text, "\n")
	best, most := ',', strings.Count(head, ",")
	for _, r := range []rune{';', '\t'} {
		if n := strings.Count(head, string(r)); n > most {
			best, most = r, n
		}
	}
	return best
}

// columnsOf finds the columns; the first of several that fit counts.
func columnsOf(names []string) map[string]int {
	at := map[string]int{}
	for i, name := range names {
		plain := plainWord(name)
		for column, known := range statementColumns {
			for _, k := range known {
				if _, taken := at[column]; k == plain && !taken {
					at[column] = i
				}
			}
		}
	}
	return at
}

func plainWord(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" _-.:", r) {
			return -1
		}
		return r
	}, strings.ToLower(strings.TrimSpace(s)))
}

// line reads one line, or says what is wrong with it.
func (s Statement) line(cells []string, at map[string]int) (l topup.Listed, problem string) {
	cell := func(column string) string {
		i, ok := at[column]
		if !ok || i >= len(cells) {
			return ""
		}
		return strings.TrimSpace(cells[i])
	}
	if id := topup.ID(cell("reference")); id.Valid() {
		l.Reference = id
	}
	l.TransactionID, l.Recipient = cell("transaction"), s.number(cell("recipient"))
	if l.Reference == "" && l.TransactionID == "" && cell("reference") == "" {
		return l, "neither a reference nor a transaction"
	}
	word := cell("status")
	state, known := statementWords[plainWord(word)]
	if !known {
		return l, "the state " + word + " is not known"
	}
	l.State, l.Word = state, word
	var ok bool
	if l.At, ok = s.time(cell("at")); !ok {
		return l, "the time cannot be read"
	}
	if l.Amount, ok = s.money(cell("amount"), cell("currency")); !ok {
		return l, "the amount cannot be read"
	}
	if l.Cost, ok = s.money(cell("cost"), cell("costcode")); !ok {
		return l, "the cost cannot be read"
	}
	return l, ""
}

// number is a phone number as the ledger has it: statements of AAT and RechargeKit may leave the country out.
func (s Statement) number(text string) topup.MSISDN {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
	switch {
	case digits == "":
		return ""
	case s.Provider == topup.AAT && len(digits) == 10 && digits[0] == '0':
		digits = "27" + digits[1:]
	case s.Provider == topup.RechargeKit && len(digits) == 10:
		digits = "91" + digits
	}
	return topup.MSISDN("+" + digits)
}

func (s Statement) time(text string) (time.Time, bool) {
	if text == "" {
		return time.Time{}, true
	}
	loc := s.Location
	if loc == nil {
		loc = time.UTC
	}
	for _, layout := range statementTimes {
		if at, err := time.ParseInLocation(layout, text, loc); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

func (s Statement) money(amount, currency string) (topup.Money, bool) {
	if amount == "" {
		return topup.Money{}, true
	}
	if currency == "" {
		currency = s.Currency
	}
	d, err := decimal.NewFromString(strings.TrimLeftFunc(amount, func(r rune) bool { return !strings.ContainsRune("0123456789-.", r) }))
	if err != nil || currency == "" {
		return topup.Money{}, false
	}
	return topup.Money{Amount: d, Currency: strings.ToUpper(currency)}, true
}
