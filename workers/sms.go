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
}

// smsLedger keeps what must be known before and after a text is sent. It is not part of the top-up's record: a text
// that fails never changes the sale.
type smsLedger interface {
	// SMSDedup returns the number under which the top-up's text is sent, and whether it was sent already. The first
	// call takes the next number of one counter for the whole installation (1 to 2^31-1) and stores it before it
	// returns; later calls return the same one. It may be forgotten after 11 hours: the provider tells repeats of a
	// number for about 12.
	SMSDedup(ctx context.Context, id topup.ID) (number int32, sent bool, err error)
	// SMSSent notes that the text was accepted; kept for at least as long as tasks can be run again.
	SMSSent(ctx context.Context, id topup.ID) error
}

// smsStore loads the top-up whose PIN is to be sent.
type smsStore interface {
	Get(ctx context.Context, id topup.ID) (*topup.Topup, error)
}

// SMSConfig says how PINs are sent. All but Timeout is required.
type SMSConfig struct {
	Store   smsStore
	Ledger  smsLedger
	Texter  texter
	Keyring topup.Keyring
	Log     *zap.Logger
	// Timeout bounds one send. Default 20 s.
	Timeout time.Duration
}

// SMS sends the PINs of vouchers that were ordered with deliver_pin "sms".
type SMS struct{ cfg SMSConfig }

const defaultTextTimeout = 20 * time.Second

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
	if err != nil {
		return fmt.Errorf("load top-up: %w", err)
	}
	if !textable(t) {
		s.cfg.Log.Info("no PIN to text", zap.String("topup", string(id)), zap.Stringer("state", t.State))
		return nil
	}
	number, sent, err := s.cfg.Ledger.SMSDedup(ctx, id)
	if err != nil || sent {
		return err
	}
	pin, err := s.cfg.Keyring.Open(t.PIN, string(t.ID))
	if err != nil {
		s.cfg.Log.Error("PIN cannot be read", zap.String("topup", string(id)), zap.Error(err))
		return errPINSealed
	}
	if err := s.text(ctx, t, pin, number); err != nil {
		return err
	}
	s.cfg.Log.Info("PIN texted", zap.String("topup", string(id)), zap.String("merchant", string(t.Merchant)))
	return s.cfg.Ledger.SMSSent(context.WithoutCancel(ctx), id)
}

func (s *SMS) text(ctx context.Context, t *topup.Topup, pin topup.Secret, number int32) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	err := s.cfg.Texter.Text(ctx, t.Recipient, pinText(t.Amount, pin), number, string(t.ID))
	var judged interface{ Retryable() bool }
	if errors.As(err, &judged) && !judged.Retryable() {
		s.cfg.Log.Error("PIN not texted", zap.String("topup", string(t.ID)), zap.String("merchant", string(t.Merchant)), zap.Error(err))
		return errTextRefused
	}
	if err != nil {
		return fmt.Errorf("send text: %w", err)
	}
	return nil
}

// textable reports whether t is a delivered voucher whose PIN is to be texted and is known and good.
func textable(t *topup.Topup) bool {
	p := t.Ordered()
	return t.State == topup.Succeeded && p.Pinned() && p.DeliverPIN == topup.DeliverBySMS && len(t.PIN) > 0 && !t.PINVoid
}

// pinText is the text: one part of 160 characters of the GSM alphabet, without braces, which the provider would take
// for fields. The record does not say which network the voucher is of, so it tells how each of them takes a PIN.
func pinText(amount topup.Money, pin topup.Secret) topup.Secret {
	return topup.Secret("Airtime voucher " + amount.String() + ", PIN " + pin.Reveal() +
		". To load dial: Vodacom *100*01*PIN#, MTN *141*PIN#, Cell C *102*PIN#, Telkom *188*PIN#")
}
