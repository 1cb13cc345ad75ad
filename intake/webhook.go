package intake

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// secretGrace is how long the secret before a rotation goes on signing.
const secretGrace = 24 * time.Hour

// maxPutTries bounds the tries to write a merchant that somebody else is writing.
const maxPutTries = 5

// webhookView is a merchant's endpoint. Secret is set only in the answer that made it.
type webhookView struct {
	URL            *string           `json:"url"`
	Format         string            `json:"format"`
	Events         []topup.EventType `json:"events"`
	CallbackWhen   string            `json:"callback_when"`
	State          string            `json:"state"`
	DisabledReason *string           `json:"disabled_reason"`
	Headers        map[string]string `json:"headers"`
	MaxEvents      int               `json:"max_events,omitempty"`
	Secret         *string           `json:"secret,omitempty"`
}

func viewWebhook(h topup.Webhook) webhookView {
	v := webhookView{
		URL: orNull(h.URL), Format: h.Format, Events: h.Events, CallbackWhen: h.CallbackWhen, State: "active",
		DisabledReason: orNull(h.DisabledReason), Headers: h.Headers, MaxEvents: h.MaxEvents,
	}
	if v.Format == "" {
		v.Format = topup.FormatStandard
	}
	if len(v.Events) == 0 {
		v.Events = topup.EventTypes
	}
	if v.CallbackWhen == "" {
		v.CallbackWhen = topup.CallbackOnOutcome
	}
	if v.Headers == nil {
		v.Headers = map[string]string{}
	}
	if !h.Active() {
		v.State = "disabled"
	}
	if h.URL == "" {
		v.DisabledReason = orNull("no url is set")
	}
	return v
}

// getWebhook answers with the merchant's endpoint, read anew.
func (s *Server) getWebhook(w http.ResponseWriter, r *http.Request, c caller) error {
	ctx, cancel := s.reading(r.Context())
	defer cancel()
	m, err := s.cfg.Store.GetMerchant(ctx, c.merchant.ID)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, viewWebhook(m.Webhook))
	return nil
}

// putWebhook replaces the endpoint and switches it on. A merchant without a secret gets its first one, shown once.
func (s *Server) putWebhook(w http.ResponseWriter, r *http.Request, c caller) error {
	body, err := readJSON(r)
	if err != nil {
		return err
	}
	var m mistakes
	hook := s.readWebhook(&body, &m)
	if err := m.err(); err != nil {
		return err
	}
	first := topup.NewWebhookSecret()
	sealed, err := topup.SealWebhookSecret(s.cfg.Keyring, c.merchant.ID, first)
	if err != nil {
		return err
	}
	var fresh bool
	saved, err := s.changeWebhook(r.Context(), c, func(h *topup.Webhook) {
		secrets := h.Secrets
		*h = hook
		h.Secrets = secrets
		if fresh = len(secrets) == 0; fresh {
			h.Secrets = []topup.WebhookSecret{sealed}
		}
	})
	if err != nil {
		return err
	}
	if saved.Webhook.Active() {
		s.unpark(r.Context(), c)
	}
	view := viewWebhook(saved.Webhook)
	if fresh {
		view.Secret = orNull(first.Reveal())
	}
	writeJSON(w, http.StatusOK, view)
	return nil
}

// rotatedView shows a new secret once.
type rotatedView struct {
	Secret        string    `json:"secret"`
	OldValidUntil time.Time `json:"old_valid_until"`
}

// rotateWebhook makes a new signing secret; the old one goes on signing beside it for a day.
func (s *Server) rotateWebhook(w http.ResponseWriter, r *http.Request, c caller) error {
	secret, now := topup.NewWebhookSecret(), s.now()
	sealed, err := topup.SealWebhookSecret(s.cfg.Keyring, c.merchant.ID, secret)
	if err != nil {
		return err
	}
	_, err = s.changeWebhook(r.Context(), c, func(h *topup.Webhook) { h.Rotate(sealed, secretGrace, now) })
	if err != nil {
		return err
	}
	s.log.Info("webhook secret rotated", zap.String("merchant", string(c.merchant.ID)), zap.String("key", c.key.Hint))
	writeJSON(w, http.StatusOK, rotatedView{Secret: secret.Reveal(), OldValidUntil: now.Add(secretGrace)})
	return nil
}

// changeWebhook applies change to the merchant's endpoint, again when somebody else wrote in between.
func (s *Server) changeWebhook(ctx context.Context, c caller, change func(*topup.Webhook)) (*topup.Merchant, error) {
	ctx, cancel := s.writing(ctx)
	defer cancel()
	for try := 1; ; try++ {
		m, err := s.cfg.Store.GetMerchant(ctx, c.merchant.ID)
		if err != nil {
			return nil, err
		}
		change(&m.Webhook)
		err = s.cfg.Store.PutMerchant(ctx, m)
		if !errors.Is(err, topup.ErrContention) || try == maxPutTries {
			return m, err
		}
	}
}

// testView says what came of a test event.
type testView struct {
	Delivered bool `json:"delivered"`
	callbackAttemptView
}

// testWebhook sends a webhook.test event and answers with what the endpoint said.
func (s *Server) testWebhook(w http.ResponseWriter, r *http.Request, c caller) error {
	ctx, cancel := s.reading(r.Context())
	defer cancel()
	m, err := s.cfg.Store.GetMerchant(ctx, c.merchant.ID)
	if err != nil {
		return err
	}
	if m.Webhook.URL == "" || s.cfg.SendTest == nil {
		return problem(http.StatusConflict, codeNoEndpoint, "Set an endpoint with PUT /v1/webhook first.")
	}
	if m.Webhook.Format == topup.FormatAAT {
		return problem(http.StatusConflict, codeNoTestEvent, "The aat format tells of top-ups only and has no words for a test.")
	}
	send, cancelSend := context.WithTimeout(r.Context(), s.cfg.Limits.Wait)
	defer cancelSend()
	attempt, err := s.cfg.SendTest(send, m)
	if err != nil {
		return err
	}
	delivered := attempt.Status >= 200 && attempt.Status < 300
	writeJSON(w, http.StatusOK, testView{Delivered: delivered, callbackAttemptView: viewAttempt(attempt)})
	return nil
}
