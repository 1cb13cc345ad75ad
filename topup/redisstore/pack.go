package redisstore

import (
	"encoding/binary"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"topupq/topup"
)

// The head of a stored top-up: format, state, revision (big endian), round, number of the last write. Scripts
// compare and show it without reading the rest.
const (
	headFormat = 0
	headState  = 1
	headRev    = 2
	headRound  = 6
	headNonce  = 8
	headSize   = 16
	format1    = 1
)

// Field numbers of the packed record, in the wire format of protocol buffers: unknown fields of a newer version
// are kept. Never reuse a number.
const (
	fMerchant protowire.Number = iota + 1
	fReference
	fBatch
	fLine
	fRecipient
	fCountry
	fAmount
	fCurrency
	fProvider
	fProduct
	fExpires
	fCreated
	fHistory
	fCallback
	fDue
	fResolved
	fMetadata
	fAttempts
	fTries
	fResends
	fFlags
	fClaim
	fSent
	fDeadline
	fAbsences
	fContradictions
	fRefusal
	fWaiting
	fProviderReference
	fProviderTransaction
	fOperatorTransaction
	fDelivered
	fCost
	fFailure
	fPIN
	fChecks
	fChecked
	fUpdated
	fClosed
	fConfirmed
	fRecovered
	fAlternates
	fPredicted
	fNetwork
	fUsual
	fFee
	fWithheld
	fCounted
	fPriority
	fHome
)

const (
	flagExposed = 1 << iota
	flagUnproved
	flagRefreshed
	flagPINVoid
	// flagOneReference means that the provider's transaction ID is its reference.
	flagOneReference
)

// words are the texts that history lines repeat; their positions are stored: append only.
var words = []string{
	"", topup.ActorIntake, topup.ActorWorker, topup.ActorCheck, topup.ActorScheduler, topup.ActorMerchant,
	string(topup.CodeSubmitted), string(topup.CodeSending), string(topup.CodeDelivered), string(topup.CodeInProgress),
	string(topup.CodeAnswerLost), string(topup.CodeWorkerLost), string(topup.CodeAbsenceProved), string(topup.CodeNoOutcome),
	string(topup.CodeProviderFailed), string(topup.CodeProviderRefunded), string(topup.CodeInvalidRecipient),
	string(topup.CodeFloatEmpty), string(topup.CodeExpired), string(topup.CodeRecentlyRecharged), string(topup.CodeDuplicateReference),
	string(topup.EventSucceeded), string(topup.EventFailed), string(topup.EventUnresolved), string(topup.EventReversed), string(topup.EventCorrected),
}

var wordIndex = func() map[string]uint64 {
	m := make(map[string]uint64, len(words))
	for i, w := range words {
		m[w] = uint64(i)
	}
	return m
}()

// packer appends fields and leaves out what is zero.
type packer struct{ b []byte }

func (p *packer) text(n protowire.Number, s string) {
	if s != "" {
		p.b = protowire.AppendTag(p.b, n, protowire.BytesType)
		p.b = protowire.AppendString(p.b, s)
	}
}

func (p *packer) number(n protowire.Number, v uint64) {
	if v != 0 {
		p.b = protowire.AppendTag(p.b, n, protowire.VarintType)
		p.b = protowire.AppendVarint(p.b, v)
	}
}

// since is a time as milliseconds after base, plus one so that base itself is not zero.
func (p *packer) since(n protowire.Number, t, base time.Time) {
	if !t.IsZero() {
		p.number(n, protowire.EncodeZigZag(t.UnixMilli()-base.UnixMilli())+1)
	}
}

// word is a known text as its number, another as itself.
func (p *packer) word(n protowire.Number, s string) {
	if i, ok := wordIndex[s]; ok {
		p.number(n, i)
		return
	}
	p.text(n, s)
}

func (p *packer) money(n protowire.Number, m topup.Money) {
	if !m.IsZero() {
		p.text(n, m.Amount.String()+" "+m.Currency)
	}
}

func (p *packer) failure(n protowire.Number, f *topup.Failure) {
	if f != nil {
		var q packer
		q.word(1, string(f.Code))
		q.text(2, f.ProviderCode)
		q.text(3, failureMessage(f))
		p.sub(n, q)
	}
}

func (p *packer) sub(n protowire.Number, q packer) {
	p.b = protowire.AppendTag(p.b, n, protowire.BytesType)
	p.b = protowire.AppendBytes(p.b, q.b)
}

// pack encodes t with its head; nonce is the number of this write.
func pack(t *topup.Topup, nonce uint64) []byte {
	head := make([]byte, headSize, 384)
	head[headFormat], head[headState] = format1, byte(t.State)
	binary.BigEndian.PutUint32(head[headRev:], t.Rev)
	binary.BigEndian.PutUint16(head[headRound:], round(t))
	binary.BigEndian.PutUint64(head[headNonce:], nonce)
	p := packer{b: head}
	p.order(t)
	p.progress(t)
	p.answers(t)
	for _, m := range t.History {
		p.history(m, t.CreatedAt)
	}
	for i := range t.Callbacks {
		p.callback(&t.Callbacks[i], t.CreatedAt)
	}
	return append(p.b, t.Extra...)
}

// round is the number that makes the next wake-up's name new: attempts before the send, checks after it.
func round(t *topup.Topup) uint16 {
	if t.State == topup.Accepted || t.State == topup.Held {
		return uint16(t.Attempts)
	}
	return uint16(t.Checks)
}

func (p *packer) order(t *topup.Topup) {
	p.text(fMerchant, string(t.Merchant))
	p.text(fReference, t.Reference)
	p.text(fBatch, string(t.Batch))
	p.number(fLine, uint64(t.Line))
	p.text(fRecipient, t.Recipient.Digits())
	p.text(fCountry, t.Country)
	p.text(fAmount, t.Amount.Amount.String())
	p.text(fCurrency, t.Amount.Currency)
	p.number(fProvider, providerNumber(t.Provider))
	p.product(fProduct, &t.Product)
	p.product(fResolved, t.Resolved)
	p.since(fExpires, t.ExpiresAt, t.CreatedAt)
	p.number(fCreated, uint64(t.CreatedAt.UnixMilli()))
	p.number(fPriority, uint64(t.Priority))
	for _, k := range sortedKeys(t.Metadata) {
		var q packer
		q.text(1, k)
		q.text(2, t.Metadata[k])
		p.sub(fMetadata, q)
	}
}

func (p *packer) progress(t *topup.Topup) {
	p.number(fAttempts, uint64(t.Attempts))
	p.number(fTries, uint64(t.Tries))
	p.number(fResends, uint64(t.Resends))
	p.number(fFlags, flags(t))
	if t.Claim != 0 {
		p.b = protowire.AppendTag(p.b, fClaim, protowire.Fixed64Type)
		p.b = protowire.AppendFixed64(p.b, t.Claim)
	}
	p.since(fSent, t.SentAt, t.CreatedAt)
	p.since(fDeadline, t.SendDeadline, t.CreatedAt)
	p.number(fAbsences, uint64(t.Absences))
	p.number(fContradictions, uint64(t.Contradictions))
	p.failure(fRefusal, t.Refusal)
	p.word(fWaiting, string(t.Waiting))
	p.number(fWithheld, uint64(b2i(t.Withheld)))
	p.number(fCounted, uint64(b2i(t.Counted)))
	p.number(fChecks, uint64(t.Checks))
	p.since(fChecked, t.CheckedAt, t.CreatedAt)
	p.since(fDue, t.DueAt, t.CreatedAt)
	p.since(fUpdated, t.UpdatedAt, t.CreatedAt)
	p.since(fClosed, t.ClosedAt, t.CreatedAt)
	p.since(fConfirmed, t.ConfirmedAt, t.CreatedAt)
	p.since(fRecovered, t.RecoveredAt, t.CreatedAt)
	p.number(fUsual, uint64(t.Usual.Milliseconds()))
}

func (p *packer) answers(t *topup.Topup) {
	p.text(fProviderReference, t.ProviderReference)
	if t.ProviderTransactionID != t.ProviderReference {
		p.text(fProviderTransaction, t.ProviderTransactionID)
	}
	p.text(fOperatorTransaction, t.OperatorTransactionID)
	p.money(fDelivered, t.Delivered)
	p.money(fCost, t.Cost)
	p.money(fFee, t.Fee)
	p.failure(fFailure, t.Failure)
	p.text(fPIN, string(t.PIN))
	p.route(t)
}

func flags(t *topup.Topup) uint64 {
	var f int64
	f |= flagExposed * b2i(t.Exposed)
	f |= flagUnproved * b2i(t.Unproved)
	f |= flagRefreshed * b2i(t.Refreshed)
	f |= flagPINVoid * b2i(t.PINVoid)
	f |= flagOneReference * b2i(t.ProviderReference != "" && t.ProviderTransactionID == t.ProviderReference)
	return uint64(f)
}

func (p *packer) product(n protowire.Number, v *topup.Product) {
	if v == nil {
		return
	}
	var q packer
	for i, s := range []string{v.SenderPhone, v.RecipientEmail, v.Mode, v.Recharge, v.DeliverPIN, v.Service, v.RechargeType, v.Dest} {
		q.text(protowire.Number(i+1), s)
	}
	for i, v := range []int64{v.OperatorID, v.VoucherID, v.OperatorCode, v.Circle, b2i(v.UseLocalAmount), b2i(v.FixedAmount)} {
		q.number(protowire.Number(i+9), uint64(v))
	}
	for _, s := range v.UserVars {
		q.b = protowire.AppendTag(q.b, 15, protowire.BytesType)
		q.b = protowire.AppendString(q.b, s)
	}
	if len(q.b) > 0 || n == fResolved {
		p.sub(n, q)
	}
}

func (p *packer) history(m topup.Move, base time.Time) {
	var q packer
	q.since(1, m.At, base)
	q.number(2, uint64(m.From)<<4|uint64(m.To))
	q.word(3, m.Actor)
	q.word(4, string(m.Reason))
	q.number(5, uint64(m.Attempt))
	q.text(6, m.ProviderCode)
	q.text(7, m.ProviderMessage)
	q.text(8, m.Note)
	p.sub(fHistory, q)
}

func (p *packer) callback(c *topup.Callback, base time.Time) {
	var q packer
	q.number(1, uint64(c.Version))
	q.word(2, string(c.Type))
	q.number(3, uint64(c.State))
	q.since(4, c.NextAt, base)
	q.number(5, uint64(c.Tries))
	for _, a := range c.Attempts {
		var r packer
		r.since(1, a.At, base)
		r.number(2, uint64(a.Status))
		r.number(3, uint64(a.Latency.Milliseconds()))
		r.text(4, a.Excerpt)
		q.sub(6, r)
	}
	p.sub(fCallback, q)
}
