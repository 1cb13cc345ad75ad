package workers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"go.uber.org/zap"

	"topupq/jobs"
	"topupq/topup"
)

// texter sends one text message. An error that has a Retryable method answering false is final; after any other the
// very same call, with the same dedupID, may follow and is not delivered twice. ref is at most 20 characters.
type texter interface {
	Text(ctx context.Context, to topup.MSISDN, body topup.Secret, dedupID int32, ref string) error
	// Texted reads back whether a text was taken under ref and has not failed.
	Texted(ctx context.Context, ref string) (bool, error)
}

// smsLedger keeps what must be known before and after a text is sent. It is not part of the top-up's record: a text
// that fails never changes the sale.
type smsLedger interface {
	// SMSDedup returns what is known of the top-up's text. The first call takes the next number of one counter for the
	// whole installation (1 to 2^31-1) and stores it before it returns; later calls return the same one. SMSRenumber
	// takes a new number for one that the provider would not recognise any more.
	SMSDedup(ctx context.Context, id topup.ID, now time.Time) (topup.SMS, error)
	SMSRenumber(ctx context.Context, id topup.ID, now time.Time) (topup.SMS, error)
	// SMSSent notes that the text was accepted; kept for at least as long as tasks can be run again.
	SMSSent(ctx context.Context, id topup.ID) error
	// PutOffSMS leaves a text that is owed for later, SettleSMS forgets that it is.
	PutOffSMS(ctx context.Context, id topup.ID, until time.Time) error
	SettleSMS(ctx context.Context, id topup.ID) error
}

// smsStore loads the top-up whose PIN is to be sent.
type smsStore interface {
	Get(ctx context.Context, id topup.ID) (*topup.Topup, error)
}

// SMSConfig says how PINs are sent. All but Dial, Timeout and Now is required.
type SMSConfig struct {
	Store   smsStore
	Ledger  smsLedger
	Texter  texter
	Keyring topup.Keyring
	Log     *zap.Logger
	// Dial is what a customer of a network dials to load a PIN, false where that is not known.
	Dial func(network string, pin topup.Secret) (topup.Secret, bool)
	// Timeout bounds one send. Default 20 s.
	Timeout time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// SMS sends the PINs of vouchers that were ordered with deliver_pin "sms".
type SMS struct{ cfg SMSConfig }

const (
	defaultTextTimeout = 20 * time.Second
	// A top-up without an outcome is looked at again for its PIN after a share of its age, between textWait and textMost.
	// Its outcome rings by itself: this is for what got lost.
	textWait  = 30 * time.Second
	textShare = 4
	textMost  = time.Hour
)

// Final failures of a text, as asynq shows them: the task is archived and can be run again.
var (
	errTextRefused = fmt.Errorf("sms_refused: %w", asynq.SkipRetry)
	errPINSealed   = fmt.Errorf("pin_unreadable: %w", asynq.SkipRetry)
)

// NewSMS returns the handler of the sms queue.
func NewSMS(cfg SMSConfig) *SMS {
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTextTimeout
	}
	if cfg.Dial == nil {
		cfg.Dial = func(string, topup.Secret) (topup.Secret, bool) { return "", false }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &SMS{cfg}
}

// ProcessTask implements asynq.Handler. Run twice it sends once.
func (s *SMS) ProcessTask(ctx context.Context, task *asynq.Task) error {
	return guard(s.cfg.Log, s.process)(ctx, task)
}

func (s *SMS) process(ctx context.Context, task *asynq.Task) error {
	id, err := jobs.TopupID(task)
	if err != nil {
		return err
	}
	t, err := s.cfg.Store.Get(ctx, id)
	if errors.Is(err, topup.ErrNotFound) {
		return errors.Join(err, s.cfg.Ledger.SettleSMS(ctx, id))
	}
	if err != nil {
		return fmt.Errorf("load top-up: %w", err)
	}
	if !t.Textable() {
		return s.wait(ctx, t)
	}
	sms, err := s.cfg.Ledger.SMSDedup(ctx, id, s.cfg.Now())
	if err == nil && sms.Stale {
		sms, err = s.readBack(ctx, t)
	}
	if err != nil {
		return err
	}
	if sms.Sent {
		return s.cfg.Ledger.SettleSMS(ctx, id)
	}
	pin, err := s.cfg.Keyring.Open(t.PIN, string(t.ID))
	if err != nil {
		s.cfg.Log.Error("PIN cannot be read", zap.String("topup", string(id)), zap.Error(err))
		return s.giveUp(ctx, id, errPINSealed)
	}
	if err := s.text(ctx, t, pin, sms.Number); err != nil {
		return err
	}
	s.cfg.Log.Info("PIN texted", zap.String("topup", string(id)), zap.String("merchant", string(t.Merchant)))
	return s.cfg.Ledger.SMSSent(context.WithoutCancel(ctx), id)
}

// wait leaves a top-up without a PIN to send: for later while there may be one, else for good.
func (s *SMS) wait(ctx context.Context, t *topup.Topup) error {
	s.cfg.Log.Info("no PIN to text", zap.String("topup", string(t.ID)), zap.Stringer("state", t.State))
	if t.TextOver() {
		return s.cfg.Ledger.SettleSMS(ctx, t.ID)
	}
	now := s.cfg.Now()
	until := now.Add(min(max(now.Sub(t.CreatedAt)/textShare, textWait), textMost))
	if t.DueAt.After(until) {
		until = t.DueAt
	}
	return s.cfg.Ledger.PutOffSMS(ctx, t.ID, until)
}

// readBack asks whether an old text went out after all: the provider would not recognise its number any more. Where it
// did not, a new number is taken.
func (s *SMS) readBack(ctx context.Context, t *topup.Topup) (topup.SMS, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	texted, err := s.cfg.Texter.Texted(ctx, string(t.ID))
	if err != nil {
		return topup.SMS{}, s.judged(ctx, t, err)
	}
	if texted {
		return topup.SMS{Sent: true}, s.cfg.Ledger.SMSSent(ctx, t.ID)
	}
	return s.cfg.Ledger.SMSRenumber(ctx, t.ID, s.cfg.Now())
}

func (s *SMS) text(ctx context.Context, t *topup.Topup, pin topup.Secret, number int32) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	if err := s.cfg.Texter.Text(ctx, t.Recipient, s.pinText(t, pin), number, string(t.ID)); err != nil {
		return s.judged(ctx, t, err)
	}
	return nil
}

// judged is what a failed call means: a repeat, or the archive.
func (s *SMS) judged(ctx context.Context, t *topup.Topup, err error) error {
	var judge interface{ Retryable() bool }
	if errors.As(err, &judge) && !judge.Retryable() {
		s.cfg.Log.Error("PIN not texted", zap.String("topup", string(t.ID)), zap.String("merchant", string(t.Merchant)), zap.Error(err))
		return s.giveUp(ctx, t.ID, errTextRefused)
	}
	return fmt.Errorf("send text: %w", err)
}

// giveUp leaves a text to a person, who finds its task in the archive: nobody rings for it any more.
func (s *SMS) giveUp(ctx context.Context, id topup.ID, why error) error {
	if err := s.cfg.Ledger.SettleSMS(context.WithoutCancel(ctx), id); err != nil {
		return err
	}
	return why
}

// pinText is the text: one part of 160 characters of the GSM alphabet, without braces, which the provider would take
// for fields. Where the network is not known it tells how each of them takes a PIN.
func (s *SMS) pinText(t *topup.Topup, pin topup.Secret) topup.Secret {
	text := "Airtime voucher " + t.Amount.String() + ", PIN " + pin.Reveal()
	if t.Network == "" {
		return topup.Secret(text + ". To load dial: Vodacom *100*01*PIN#, MTN *141*PIN#, Cell C *102*PIN#, Telkom *188*PIN#")
	}
	if code, known := s.cfg.Dial(t.Network, pin); known {
		text += ". To load it dial " + code.Reveal()
	}
	return topup.Secret(text)
}
