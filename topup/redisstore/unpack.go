package redisstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
	"google.golang.org/protobuf/encoding/protowire"

	"topupq/topup"
)

var errCorrupt = errors.New("stored record is damaged")

// head is what the first bytes of a stored record tell.
type head struct {
	state topup.State
	rev   uint32
	round int
	nonce uint64
}

func unpackHead(b string) (head, bool) {
	if len(b) < headSize || b[headFormat] != format1 {
		return head{}, false
	}
	raw := []byte(b[:headSize])
	return head{
		state: topup.State(raw[headState]), rev: binary.BigEndian.Uint32(raw[headRev:]),
		round: int(binary.BigEndian.Uint16(raw[headRound:])), nonce: binary.BigEndian.Uint64(raw[headNonce:]),
	}, true
}

// field is one decoded field: num for numbers, text for bytes.
type field struct {
	n    protowire.Number
	num  uint64
	text string
	raw  string
}

// fields walks the fields of a message.
func fields(b string, visit func(field) error) error {
	for len(b) > 0 {
		n, typ, size := protowire.ConsumeTag([]byte(b[:min(len(b), 10)]))
		if size < 0 {
			return errCorrupt
		}
		f := field{n: n}
		rest := b[size:]
		var used int
		switch typ {
		case protowire.VarintType:
			f.num, used = protowire.ConsumeVarint([]byte(rest[:min(len(rest), 10)]))
		case protowire.Fixed64Type:
			f.num, used = protowire.ConsumeFixed64([]byte(rest[:min(len(rest), 8)]))
		case protowire.BytesType:
			f.text, used = consumeText(rest)
		default:
			return errCorrupt
		}
		if used < 0 {
			return errCorrupt
		}
		f.raw = b[:size+used]
		if err := visit(f); err != nil {
			return err
		}
		b = rest[used:]
	}
	return nil
}

func consumeText(b string) (string, int) {
	length, n := protowire.ConsumeVarint([]byte(b[:min(len(b), 10)]))
	if n < 0 || length > uint64(len(b)-n) {
		return "", -1
	}
	return b[n : n+int(length)], n + int(length)
}

// word is the inverse of packer.word.
func (f field) word() string {
	if f.text != "" {
		return f.text
	}
	if f.num < uint64(len(words)) {
		return words[f.num]
	}
	return ""
}

func (f field) since(base time.Time) time.Time {
	if f.num == 0 {
		return time.Time{}
	}
	return time.UnixMilli(base.UnixMilli() + protowire.DecodeZigZag(f.num-1)).UTC()
}

// unpack decodes a stored value.
func unpack(id topup.ID, value string) (*topup.Topup, error) {
	h, ok := unpackHead(value)
	if !ok {
		return nil, fmt.Errorf("%w: top-up %s", errCorrupt, id)
	}
	t := &topup.Topup{ID: id, State: h.state, Rev: h.rev}
	body := value[headSize:]
	// Times are relative to the creation, so that comes first.
	err := fields(body, func(f field) error {
		if f.n == fCreated {
			t.CreatedAt = time.UnixMilli(int64(f.num)).UTC()
		}
		return nil
	})
	if err == nil {
		var extra strings.Builder
		one := false
		err = fields(body, func(f field) error {
			one = one || (f.n == fFlags && f.num&flagOneReference != 0)
			return setField(t, f, &extra)
		})
		if one {
			t.ProviderTransactionID = t.ProviderReference
		}
		if extra.Len() > 0 {
			t.Extra = []byte(extra.String())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: top-up %s", errCorrupt, id)
	}
	return t, nil
}

func setField(t *topup.Topup, f field, extra *strings.Builder) (err error) {
	switch f.n {
	case fMerchant:
		t.Merchant = topup.MerchantID(f.text)
	case fReference:
		t.Reference = f.text
	case fBatch:
		t.Batch = topup.BatchID(f.text)
	case fLine:
		t.Line = int(f.num)
	case fRecipient:
		t.Recipient = topup.MSISDN("+" + f.text)
	case fCountry:
		t.Country = f.text
	case fAmount:
		t.Amount.Amount, err = decimal.NewFromString(f.text)
	case fCurrency:
		t.Amount.Currency = f.text
	case fProvider:
		t.Provider, err = providerName(f.num)
	case fProduct:
		var p *topup.Product
		if p, err = unpackProduct(f.text); err == nil {
			t.Product = *p
		}
	case fResolved:
		t.Resolved, err = unpackProduct(f.text)
	case fExpires:
		t.ExpiresAt = f.since(t.CreatedAt)
	case fMetadata:
		err = unpackMetadata(t, f.text)
	case fHistory:
		err = unpackMove(t, f.text)
	case fCallback:
		err = unpackCallback(t, f.text)
	case fCreated:
	default:
		return setProgress(t, f, extra)
	}
	return err
}

func setProgress(t *topup.Topup, f field, extra *strings.Builder) (err error) {
	switch f.n {
	case fAttempts:
		t.Attempts = int(f.num)
	case fTries:
		t.Tries = int(f.num)
	case fResends:
		t.Resends = int(f.num)
	case fFlags:
		t.Exposed, t.Unproved = f.num&flagExposed != 0, f.num&flagUnproved != 0
		t.Refreshed, t.PINVoid = f.num&flagRefreshed != 0, f.num&flagPINVoid != 0
	case fClaim:
		t.Claim = f.num
	case fAbsences:
		t.Absences = int(f.num)
	case fContradictions:
		t.Contradictions = int(f.num)
	case fRefusal:
		t.Refusal, err = unpackFailure(f.text)
	case fWaiting:
		t.Waiting = topup.Code(f.word())
	case fChecks:
		t.Checks = int(f.num)
	case fProviderReference:
		t.ProviderReference = f.text
	case fProviderTransaction:
		t.ProviderTransactionID = f.text
	case fOperatorTransaction:
		t.OperatorTransactionID = f.text
	case fDelivered:
		t.Delivered, err = unpackMoney(f.text)
	case fCost:
		t.Cost, err = unpackMoney(f.text)
	case fFee:
		t.Fee, err = unpackMoney(f.text)
	case fUsual:
		t.Usual = time.Duration(f.num) * time.Millisecond
	case fFailure:
		t.Failure, err = unpackFailure(f.text)
	case fPIN:
		t.PIN = []byte(f.text)
	default:
		return setTime(t, f, extra)
	}
	return err
}

func setTime(t *topup.Topup, f field, extra *strings.Builder) error {
	at := f.since(t.CreatedAt)
	switch f.n {
	case fSent:
		t.SentAt = at
	case fDeadline:
		t.SendDeadline = at
	case fChecked:
		t.CheckedAt = at
	case fDue:
		t.DueAt = at
	case fUpdated:
		t.UpdatedAt = at
	case fClosed:
		t.ClosedAt = at
	case fConfirmed:
		t.ConfirmedAt = at
	case fRecovered:
		t.RecoveredAt = at
	default:
		return setRoute(t, f, extra)
	}
	return nil
}

func unpackMoney(s string) (topup.Money, error) {
	amount, currency, _ := strings.Cut(s, " ")
	d, err := decimal.NewFromString(amount)
	return topup.Money{Amount: d, Currency: currency}, err
}

func unpackProduct(s string) (*topup.Product, error) {
	v := &topup.Product{}
	texts := []*string{&v.SenderPhone, &v.RecipientEmail, &v.Mode, &v.Recharge, &v.DeliverPIN, &v.Service, &v.RechargeType, &v.Dest}
	numbers := []*int64{&v.OperatorID, &v.VoucherID, &v.OperatorCode, &v.Circle}
	err := fields(s, func(f field) error {
		switch i := int(f.n) - 1; {
		case i < len(texts):
			*texts[i] = f.text
		case i < len(texts)+len(numbers):
			*numbers[i-len(texts)] = int64(f.num)
		case f.n == 13:
			v.UseLocalAmount = f.num != 0
		case f.n == 14:
			v.FixedAmount = f.num != 0
		case f.n == 15:
			v.UserVars = append(v.UserVars, f.text)
		}
		return nil
	})
	return v, err
}

func unpackMetadata(t *topup.Topup, s string) error {
	var k, v string
	err := fields(s, func(f field) error {
		if f.n == 1 {
			k = f.text
		} else {
			v = f.text
		}
		return nil
	})
	if t.Metadata == nil {
		t.Metadata = map[string]string{}
	}
	t.Metadata[k] = v
	return err
}

func unpackMove(t *topup.Topup, s string) error {
	var m topup.Move
	err := fields(s, func(f field) error {
		switch f.n {
		case 1:
			m.At = f.since(t.CreatedAt)
		case 2:
			m.From, m.To = topup.State(f.num>>4), topup.State(f.num&15)
		case 3:
			m.Actor = f.word()
		case 4:
			m.Reason = topup.Code(f.word())
		case 5:
			m.Attempt = int(f.num)
		case 6:
			m.ProviderCode = f.text
		case 7:
			m.ProviderMessage = f.text
		case 8:
			m.Note = f.text
		}
		return nil
	})
	t.History = append(t.History, m)
	return err
}

func unpackCallback(t *topup.Topup, s string) error {
	var c topup.Callback
	err := fields(s, func(f field) error {
		switch f.n {
		case 1:
			c.Version = int(f.num)
		case 2:
			c.Type = topup.EventType(f.word())
		case 3:
			c.State = topup.CallbackState(f.num)
		case 4:
			c.NextAt = f.since(t.CreatedAt)
		case 5:
			c.Tries = int(f.num)
		case 6:
			return unpackAttempt(&c, f.text, t.CreatedAt)
		}
		return nil
	})
	t.Callbacks = append(t.Callbacks, c)
	return err
}

func unpackAttempt(c *topup.Callback, s string, base time.Time) error {
	var a topup.CallbackAttempt
	err := fields(s, func(f field) error {
		switch f.n {
		case 1:
			a.At = f.since(base)
		case 2:
			a.Status = int(f.num)
		case 3:
			a.Latency = time.Duration(f.num) * time.Millisecond
		case 4:
			a.Excerpt = f.text
		}
		return nil
	})
	c.Attempts = append(c.Attempts, a)
	return err
}

// providerNumber and providerName map a provider to its place in topup.Providers, from 1.
func providerNumber(p topup.ProviderName) uint64 {
	return uint64(slices.Index(topup.Providers, p) + 1)
}

func providerName(n uint64) (topup.ProviderName, error) {
	if n == 0 || n > uint64(len(topup.Providers)) {
		return "", errCorrupt
	}
	return topup.Providers[n-1], nil
}

func sortedKeys(m map[string]string) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}

func b2i(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
