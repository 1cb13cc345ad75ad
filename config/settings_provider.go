package config

import (
	"net/http"
	"time"
)

// defaults of the settings that every provider has.
type defaults struct {
	timezone, timeout, hold, spacing, confirm string
}

func providerSettings(name string, p *Provider, d defaults) []setting {
	return []setting{
		define(name, "timezone", d.timezone, location(&p.Timezone), "IANA name of the zone in which the provider's day ends."),
		define(name, "timeout", d.timeout, duration(&p.Timeout, time.Millisecond, 10*time.Minute), "How long a paying call may take, all of it."),
		define(name, "hold", d.hold, duration(&p.Hold, 0, day), "The longest time the provider may hold a request after that: only then does \"no such reference\" count as proof."),
		define(name, "concurrency", "64", number(&p.Concurrency, 1, 10_000), "Paying calls in flight at once, per worker process."),
		define(name, "rate", "0", number(&p.Rate, 0, 100_000), "Calls per second over all workers; 0 is no limit."),
		define(name, "status_budget", "0", number(&p.StatusBudget, 0, maxCount), "Status calls per day; 0 is no limit."),
		define(name, "spacing", d.spacing, duration(&p.Spacing, 0, day), "The least time between two top-ups of one number."),
		define(name, "confirm", d.confirm, oneOf(&p.Confirm, ConfirmHourly, ConfirmEndOfDay, ConfirmNone), "How often a success is asked about again: hourly, end_of_day or none."),
	}
}

func reloadlySettings(r *Reloadly) []setting {
	const n = ReloadlyName
	own := []setting{
		define(n, "auth_url", "https://auth.reloadly.com", serviceURL(&r.AuthURL), "The token host; /oauth/token is added.").
			alias("CONNECTOR_ENV_MOBILETOPUP_BASE_URL"),
		define(n, "base_url", "", serviceURL(&r.BaseURL), "The airtime host: https://topups.reloadly.com for live keys, https://topups-sandbox.reloadly.com for test keys.").
			alias("CONNECTOR_ENV_Reloadly_Airtime_BASE_URL"),
		define(n, "audience", "", baseURL(&r.Audience), "What the token is asked for. Not set: the airtime host."),
		define(n, "client_id", "", text(&r.ClientID), "Client ID. Without credentials the provider is off."),
		defineSecret(n, "client_secret", "", secretText(&r.ClientSecret), "Client secret."),
		defineSecret(n, "webhook_secret", "", secretText(&r.WebhookSecret), "Signs the provider's call-backs; without it they are refused."),
		define(n, "mnp_field", "number", oneOf(&r.MNPField, "number", "phone"), "The field of mnpLookupPost that carries the phone number; the documents show both."),
		define(n, "mnp", "false", yesNo(&r.MNP), "Finds the operator of top-ups that name none by number portability lookup, which Reloadly bills, before the free detection by prefix."),
	}
	return append(own, providerSettings(n, &r.Provider, defaults{"UTC", "90s", "60s", "2m", ConfirmEndOfDay})...)
}

func aatSettings(a *AAT) []setting {
	const n = AATName
	own := []setting{
		define(n, "base_url", "https://mobilerechargeapi.gsm.co.za/MobileRecharge.asmx", asmxURL(&a.BaseURL), "The service, up to and including .asmx."),
		define(n, "method", http.MethodGet, oneOf(&a.Method, http.MethodGet, http.MethodPost), "GET as documented, or POST (a form), which keeps the password out of access logs."),
		define(n, "username", "", text(&a.Username), "User name. Without credentials the provider is off."),
		defineSecret(n, "password", "", secretText(&a.Password), "Password."),
		defineSecret(n, "callback_token", "", secretText(&a.CallbackToken), "The unguessable end of the address that the provider calls back; without it call-backs are refused."),
		define(n, "status_failed", "Failed,Reversed,Refunded,Cancelled", words(&a.StatusFailed), "Status words that are read as failed. Only OK is documented, as success; any other word changes nothing and raises an incident."),
		define(n, "airtime_types", "airtime", words(&a.AirtimeTypes), "Words of which one must be in the name of a voucher type for its vouchers to be chosen where a top-up names none."),
	}
	return append(own, providerSettings(n, &a.Provider, defaults{"Africa/Johannesburg", "60s", "120s", "0s", ConfirmHourly})...)
}

func rechargeKitSettings(r *RechargeKit) []setting {
	const n = RechargeKitName
	own := []setting{
		define(n, "base_url", "https://v2bapi.rechargkit.biz", serviceURL(&r.BaseURL), "The service's host."),
		defineSecret(n, "token", "", secretText(&r.Token), "Bearer token. Without it the provider is off."),
		defineSecret(n, "callback_token", "", secretText(&r.CallbackToken), "The unguessable end of the address that the provider calls back; without it call-backs are refused."),
		define(n, "method", http.MethodPost, oneOf(&r.Method, http.MethodPost, http.MethodGet), "Method of the prepaid call: POST, or GET as on the provider's page."),
		define(n, "plan_method", http.MethodPost, oneOf(&r.PlanMethod, http.MethodPost, http.MethodGet), "Method of prepaidPlanFetch; integrators are seen to use either."),
		define(n, "status_check", "true", yesNo(&r.StatusCheck), "false for accounts without statusCheck: what is open is then settled by call-back or by a person."),
		define(n, "not_found_pattern", "", pattern(&r.NotFoundPattern),
			"Regular expression for the text of a statusCheck answer that means \"no such reference\"; even then only a resend of the same reference is proof. Not set: words such as \"order not found\"."),
		define(n, "operators", "", prefixTable(&r.Operators), "The operator_code of prepaid numbers where a top-up names none: PREFIX:code entries separated by commas, the prefix being the first digits of the 10-digit number; the longest that fits counts. In topupq.yaml a mapping."),
		define(n, "postpaid_operators", "", prefixTable(&r.PostpaidOperators), "The same for postpaid numbers."),
		define(n, "circles", "", prefixTable(&r.Circles), "The circle by prefix, likewise. The provider's list of circles is not public: take it from your account."),
		define(n, "refusals", "", refusals(&r.Refusals), "What texts of the provider prove, since it publishes no list: answer:code:text entries, answer being refused, not_taken or blocked, code one of ours (invalid_recipient, float_empty, …), text a regular expression. In topupq.yaml a list. A text that is not listed proves nothing."),
	}
	return append(own, providerSettings(n, &r.Provider, defaults{"Asia/Kolkata", "90s", "300s", "0s", ConfirmEndOfDay})...)
}

func bulkSMSSettings(b *BulkSMS) []setting {
	const n = "bulksms"
	return []setting{
		define(n, "base_url", "https://api.bulksms.com/v1", serviceURL(&b.BaseURL), "The service that sends voucher PINs by SMS."),
		define(n, "token_id", "", text(&b.TokenID), "Token ID. Without credentials no SMS is sent."),
		defineSecret(n, "token_secret", "", secretText(&b.TokenSecret), "Token secret."),
		defineSecret(n, "callback_token", "", secretText(&b.CallbackToken), "The unguessable end of the address that delivery reports are sent to (/v1/providers/bulksms/callback/…); without it they are refused."),
	}
}
