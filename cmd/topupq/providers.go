package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"topupq/clients"
	"topupq/clients/aat"
	"topupq/clients/bulksms"
	"topupq/clients/rechargekit"
	"topupq/clients/reloadly"
	"topupq/config"
	"topupq/intake"
	"topupq/topup"
	"topupq/workers"
)

// providers are the configured providers, as the roles use them.
type providers struct {
	names     []topup.ProviderName
	routes    workers.Routes
	settings  map[topup.ProviderName]intake.ProviderSettings
	callbacks map[topup.ProviderName]intake.CallbackSettings
	// limits is what the settings say of each.
	limits map[topup.ProviderName]config.Provider
	// plain are the providers themselves, with all that they can do.
	plain map[topup.ProviderName]topup.Provider
	// denied are the lookups that merchants may not make.
	denied map[topup.ProviderName][]string
	// rotations take new credentials while the process runs.
	rotations []rotation
}

// newProviders builds an adapter for every provider with credentials.
func newProviders(cfg config.Config) (*providers, error) {
	p := &providers{
		settings: map[topup.ProviderName]intake.ProviderSettings{}, callbacks: map[topup.ProviderName]intake.CallbackSettings{},
		limits: map[topup.ProviderName]config.Provider{}, plain: map[topup.ProviderName]topup.Provider{}, denied: deniedLookups(cfg.Lookups.Deny),
	}
	routes := map[topup.ProviderName]workers.Route{}
	for _, add := range []func(config.Config, map[topup.ProviderName]workers.Route) error{p.addReloadly, p.addAAT, p.addRechargeKit} {
		if err := add(cfg, routes); err != nil {
			return nil, &exitError{code: exitUsage, err: err}
		}
	}
	p.routes = workers.NewRoutes(routes)
	if err := p.checkDenied(cfg.Lookups.Deny); err != nil {
		return nil, err
	}
	return p, nil
}

// add registers one provider under its name.
func (p *providers) add(cfg config.Config, limits config.Provider, provider topup.Provider, countries []string, routes map[topup.ProviderName]workers.Route) {
	traits := provider.Traits()
	p.names = append(p.names, traits.Name)
	p.limits[traits.Name] = limits
	p.settings[traits.Name] = intake.ProviderSettings{Currency: traits.Currency, Countries: countries, Actions: traits.Actions, Denied: p.denied[traits.Name], Priced: traits.Priced, Rate: limits.Rate, Concurrency: limits.Concurrency, Spacing: limits.Spacing}
	route := workers.Route{
		Provider: provider, Policy: policy(cfg, limits, traits), Rate: limits.Rate, Spacing: limits.Spacing,
		StatusBudget: int64(limits.StatusBudget),
	}
	_, route.Policy.Plan.Gather = provider.(topup.ManyChecker)
	route.Policy.Plan.Ranked = limits.StatusBudget > 0
	routes[traits.Name] = route
	p.plain[traits.Name] = provider
}

// onRotate has take given the settings whenever they bring new credentials.
func (p *providers) onRotate(take func(config.Config)) {
	p.rotations = append(p.rotations, func(cfg config.Config) error { take(cfg); return nil })
}

// policy is what the transitions need to know of a provider.
func policy(cfg config.Config, limits config.Provider, traits topup.Traits) topup.Policy {
	traits.Hold = limits.Hold
	return topup.Policy{
		Plan: topup.Plan{
			Early: cfg.Check.Early, Interval: cfg.Check.Interval, Count: cfg.Check.Count,
			EndOfDay: topup.TimeOfDay(cfg.Check.EndOfDay), Location: limits.Timezone, Confirm: topup.Confirm(limits.Confirm),
		},
		Traits: traits, Timeout: limits.Timeout, Margin: cfg.SubmitMargin,
	}
}

func (p *providers) addReloadly(cfg config.Config, routes map[topup.ProviderName]workers.Route) error {
	c := cfg.Reloadly
	if !c.Enabled() {
		return nil
	}
	client, err := reloadly.New(reloadly.Config{
		AuthURL: c.AuthURL, BaseURL: c.BaseURL, Audience: c.Audience, ClientID: c.ClientID,
		ClientSecret: reloadly.Secret(c.ClientSecret.Reveal()), Timeout: c.Timeout, MNPField: c.MNPField,
	})
	if err != nil {
		return fmt.Errorf("reloadly: %w", err)
	}
	p.onRotate(func(cfg config.Config) { client.Rotate(reloadly.Secret(cfg.Reloadly.ClientSecret.Reveal())) })
	adapter := clients.NewReloadly(client, clients.ReloadlyConfig{Hold: c.Hold, MNP: c.MNP})
	p.add(cfg, c.Provider, adapter, nil, routes)
	keys := newLiveSecrets(c.WebhookSecret)
	p.onRotate(func(cfg config.Config) { keys.replace(cfg.Reloadly.WebhookSecret) })
	p.callbacks[topup.Reloadly] = intake.CallbackSettings{Signed: true, Read: reloadlyCallback(adapter, keys), Gather: gathered(cfg)}
	return nil
}

func (p *providers) addAAT(cfg config.Config, routes map[topup.ProviderName]workers.Route) error {
	c := cfg.AAT
	if !c.Enabled() {
		return nil
	}
	client, err := aat.New(aat.Config{
		BaseURL: c.BaseURL, Method: c.Method, Username: c.Username, Password: aat.Secret(c.Password.Reveal()), Timeout: c.Timeout,
	})
	if err != nil {
		return err
	}
	p.onRotate(func(cfg config.Config) { client.Rotate(aat.Secret(cfg.AAT.Password.Reveal())) })
	adapter, err := clients.NewAAT(client, clients.AATConfig{
		StatusFailed: c.StatusFailed, AirtimeTypes: c.AirtimeTypes, Hold: c.Hold,
	})
	if err != nil {
		return err
	}
	p.add(cfg, c.Provider, adapter, []string{"ZA"}, routes)
	tokens := newLiveSecrets(c.CallbackToken)
	p.onRotate(func(cfg config.Config) { tokens.replace(cfg.AAT.CallbackToken) })
	p.callbacks[topup.AAT] = intake.CallbackSettings{
		Tokens: tokens.all,
		Read: func(r *http.Request, body []byte) ([]topup.Ref, error) {
			ref, err := adapter.ParseCallback(r.URL.Query(), body)
			return []topup.Ref{{Reference: ref.Reference}}, err
		},
	}
	return nil
}

func (p *providers) addRechargeKit(cfg config.Config, routes map[topup.ProviderName]workers.Route) error {
	c := cfg.RechargeKit
	if !c.Enabled() {
		return nil
	}
	client, err := rechargekit.New(rechargekit.Config{
		BaseURL: c.BaseURL, Token: rechargekit.Secret(c.Token.Reveal()), Method: c.Method, PlanMethod: c.PlanMethod,
		Timeout: c.Timeout, NoStatusCheck: !c.StatusCheck,
	})
	if err != nil {
		return err
	}
	p.onRotate(func(cfg config.Config) { client.Rotate(rechargekit.Secret(cfg.RechargeKit.Token.Reveal())) })
	adapter, err := clients.NewRechargeKit(client, clients.RechargeKitConfig{
		OperatorByPrefix: c.Operators, PostpaidOperatorByPrefix: c.PostpaidOperators, CircleByPrefix: c.Circles,
		Texts: refusalTexts(c.Refusals), NotFound: c.NotFoundPattern, Hold: c.Hold,
	})
	if err != nil {
		return err
	}
	p.add(cfg, c.Provider, adapter, []string{"IN"}, routes)
	tokens := newLiveSecrets(c.CallbackToken)
	p.onRotate(func(cfg config.Config) { tokens.replace(cfg.RechargeKit.CallbackToken) })
	p.callbacks[topup.RechargeKit] = intake.CallbackSettings{
		Tokens: tokens.all,
		Read: func(r *http.Request, body []byte) ([]topup.Ref, error) {
			ref, err := adapter.ParseCallback(r.URL.Query(), body)
			return []topup.Ref{{Reference: ref.Reference}}, err
		},
	}
	return nil
}

// callbackGather is how long call-backs of a provider with lists are collected at most.
const callbackGather = 2 * time.Second

// gathered is how long they are collected: not longer than the first check would take to come by itself.
func gathered(cfg config.Config) time.Duration {
	if len(cfg.Check.Early) == 0 {
		return callbackGather
	}
	return min(callbackGather, cfg.Check.Early[0]/2)
}

// newTexts is the client of BulkSMS.
func newTexts(c config.BulkSMS) (*bulksms.Client, error) {
	client, err := bulksms.New(bulksms.Config{
		BaseURL: c.BaseURL, TokenID: bulksms.Secret(c.TokenID), TokenSecret: bulksms.Secret(c.TokenSecret.Reveal()),
	})
	if err != nil {
		return nil, &exitError{code: exitUsage, err: err}
	}
	return client, nil
}

// pinTexter sends PINs through BulkSMS.
type pinTexter struct{ client *bulksms.Client }

// Texted finds a text by our reference; one that failed does not count.
func (t pinTexter) Texted(ctx context.Context, ref string) (bool, error) {
	messages, err := t.client.FindByUserSuppliedID(ctx, ref)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(messages, func(m bulksms.Message) bool { return m.Status.Type != bulksms.StatusFailed }), nil
}

// Text sends a text.
func (t pinTexter) Text(ctx context.Context, to topup.MSISDN, body topup.Secret, dedupID int32, ref string) error {
	_, err := t.client.SendText(ctx, dedupID, ref, to.E164(), body.Reveal())
	return err
}

// reloadlyCallback reads a call-back of Reloadly whose signature holds.
func reloadlyCallback(adapter *clients.Reloadly, keys *liveSecrets) intake.ProviderCallback {
	return func(r *http.Request, body []byte) ([]topup.Ref, error) {
		at, signature := r.Header.Get(reloadly.TimestampHeader), r.Header.Get(reloadly.SignatureHeader)
		err := reloadly.VerifyCallback(body, at, signature, "", time.Now())
		for _, key := range keys.all() {
			if err = reloadly.VerifyCallback(body, at, signature, reloadly.Secret(key.Reveal()), time.Now()); err == nil {
				break
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", intake.ErrForged, err)
		}
		ref, err := adapter.ParseCallback(body)
		if err != nil {
			return nil, err
		}
		return []topup.Ref{ref}, nil
	}
}
