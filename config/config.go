package config

import (
	"regexp"
	"time"
)

// Names of the providers, as in routes and in variable names.
const (
	ReloadlyName    = "reloadly"
	AATName         = "aat"
	RechargeKitName = "rechargekit"
)

// Values of Config.RedisDurability.
const (
	DurabilityAlways    = "always"
	DurabilityEverySec  = "everysec"
	DurabilityNone      = "none"
	DurabilityUnchecked = "unchecked"
)

// Values of Config.SpoolDir: the default, in the working directory, and the word for no spool.
const (
	DefaultSpoolDir = "topupq-spool"
	NoSpool         = "none"
)

// Roles of operators.
const (
	RoleViewer   = "viewer"
	RoleOperator = "operator"
	RoleAdmin    = "admin"
)

// Values of Provider.Confirm.
const (
	ConfirmHourly   = "hourly"
	ConfirmEndOfDay = "end_of_day"
	ConfirmNone     = "none"
)

// Config is every setting, checked. Durations, counts and names are within their documented bounds.
type Config struct {
	// RedisURL is the ledger's Redis, QueueRedisURL asynq's: the same where it is not set. RedisOptions reads both.
	RedisURL, QueueRedisURL Secret
	// RedisDurability is what the money roles demand of the ledger's Redis: always, everysec, none or unchecked.
	RedisDurability string

	// SpoolDir keeps the workers' answers while Redis is away; NoSpool for none.
	SpoolDir string

	// IntakeAddr and OpsAddr are host:port of the two listeners; port 0 takes a free one.
	IntakeAddr, OpsAddr string
	// MetricsAddr is host:port of the metrics listener, "" for none.
	MetricsAddr string
	// TwoPeopleAbove are the amounts above which a resolve needs two people: "1000 ZAR, 50 USD", "1000" or "".
	TwoPeopleAbove string
	// OpsUsers may log in to the operator's listener; without any it stays shut.
	OpsUsers []User
	OIDC     OIDC
	// EncryptionKey is "base64" or "id:base64,…" of 32 bytes each; empty means that nothing can be sealed.
	EncryptionKey Secret

	Reloadly    Reloadly
	AAT         AAT
	RechargeKit RechargeKit
	BulkSMS     BulkSMS

	// Routes are the providers for top-ups that name none. Of those that match, the one that says most counts: a merchant
	// before an operator before a country.
	Routes []Route
	// FailoverAfter is how long a provider may be away before a top-up goes to the next one of its route.
	FailoverAfter time.Duration
	// Canaries is how many rows of an operator in a batch go ahead of the rest; 0 lets every batch go through.
	Canaries int
	Lookups  Lookups

	Check    Check
	Day      Day
	Callback Callback

	// RescueAfter is how long a lost job may go unnoticed, SubmitMargin the grace past a provider's timeout before
	// a submitting top-up is rescued, LeaderTTL the life of the scheduler's lease.
	RescueAfter, SubmitMargin, LeaderTTL time.Duration

	Log    Log
	Client Client

	// Warnings are what is odd about the environment but does no harm, for the log.
	Warnings []string
}

// User is one operator. Password is plain text or an argon2id hash ("$argon2id$…").
type User struct {
	Name     string
	Password Secret
	// Role is viewer, operator or admin.
	Role string
}

// Provider is what the three have in common.
type Provider struct {
	// Timezone is where the provider's day ends.
	Timezone *time.Location
	// Timeout bounds a paying call; Hold is the longest time the provider may hold a request after that before
	// "no such reference" counts; Spacing is kept between two top-ups of one number.
	Timeout, Hold, Spacing time.Duration
	// Concurrency bounds the calls in flight, Rate the calls per second, StatusBudget the status calls per day.
	// Rate and StatusBudget 0 mean no limit.
	Concurrency, Rate, StatusBudget int
	// Confirm is hourly, end_of_day or none.
	Confirm string
}

// Reloadly is the worldwide provider.
type Reloadly struct {
	Provider
	AuthURL, BaseURL, Audience  string
	ClientID                    string
	ClientSecret, WebhookSecret Secret
	// MNPField is the field of mnpLookupPost that carries the number.
	MNPField string
	// MNP looks the operator of ported numbers up before the free detection by prefix.
	MNP bool
}

// Enabled reports whether there are credentials.
func (r Reloadly) Enabled() bool { return r.ClientID != "" && r.ClientSecret != "" }

// AAT is the South African provider.
type AAT struct {
	Provider
	// BaseURL goes up to and including ".asmx"; Method is GET or POST.
	BaseURL, Method, Username string
	Password, CallbackToken   Secret
	// StatusFailed are the status words that are read as failed.
	StatusFailed []string
	// AirtimeTypes are words in the names of voucher types whose vouchers may be chosen.
	AirtimeTypes []string
}

// Enabled reports whether there are credentials.
func (a AAT) Enabled() bool { return a.Username != "" && a.Password != "" }

// RechargeKit is the Indian provider.
type RechargeKit struct {
	Provider
	BaseURL              string
	Token, CallbackToken Secret
	// Method of the prepaid call and PlanMethod of the plan fetch: POST or GET.
	Method, PlanMethod string
	// StatusCheck is false for accounts without that call.
	StatusCheck bool
	// NotFoundPattern matches the text of a statusCheck answer that means "no such reference"; nil leaves it to
	// the adapter's own.
	NotFoundPattern *regexp.Regexp
	// Operators and PostpaidOperators are operator codes, Circles circles, by the first digits of the 10-digit number.
	Operators, PostpaidOperators, Circles map[string]int64
	// Refusals say what texts of the provider prove.
	Refusals []Refusal
}

// Enabled reports whether there are credentials.
func (r RechargeKit) Enabled() bool { return r.Token != "" }

// BulkSMS sends the PINs of pinned vouchers.
type BulkSMS struct {
	BaseURL     string
	TokenID     string
	TokenSecret Secret
	// CallbackToken ends the address that the provider reports to.
	CallbackToken Secret
}

// Enabled reports whether there are credentials.
func (b BulkSMS) Enabled() bool { return b.TokenID != "" && b.TokenSecret != "" }

// Check is the schedule of re-checks, the same for all providers.
type Check struct {
	// Early are delays after the send, ascending; then Count checks Interval apart.
	Early    []time.Duration
	Interval time.Duration
	Count    int
	// EndOfDay is the sweep, as time since midnight in the provider's time zone.
	EndOfDay time.Duration
}

// Callback is how callbacks are delivered.
type Callback struct {
	// Retries are the waits after each failed attempt.
	Retries []time.Duration
	// Timeout bounds one attempt.
	Timeout time.Duration
	// AllowPrivate lets callbacks go to private, loopback and link-local addresses, and over plain http.
	AllowPrivate bool
	// EventsKept is how long event feeds go back.
	EventsKept time.Duration
}

// Log is how the program logs.
type Log struct {
	// Level is debug, info, warn or error; Format json or console.
	Level, Format string
}

// Client is for the commands that talk to an intake: submit, status, history, lookup, report.
type Client struct {
	// URL is the intake's address, APIKey a merchant's key.
	URL    string
	APIKey Secret
}
