package config

import (
	"slices"
	"time"
)

const (
	day         = 24 * time.Hour
	maxCount    = 1_000_000_000
	redisSample = "redis://127.0.0.1:6379/0"
)

// settings is the table of everything that can be set; the values go into c.
func settings(c *Config) []setting {
	return slices.Concat(
		storeSettings(c), listenerSettings(c), oidcSettings(c), routeSettings(c), scheduleSettings(c), daySettings(c), callbackSettings(c),
		reloadlySettings(&c.Reloadly), aatSettings(&c.AAT), rechargeKitSettings(&c.RechargeKit),
		bulkSMSSettings(&c.BulkSMS), clientSettings(c),
	)
}

func storeSettings(c *Config) []setting {
	return []setting{
		defineSecret("redis", "url", redisSample, redisURL(&c.RedisURL),
			"The ledger's Redis: redis://, rediss:// for TLS, a cluster by repeating ?addr=host:port, sentinels by redis-sentinel://host:26379,host2:26379/0?master=name."),
		defineSecret("queue_redis", "url", "", redisURL(&c.QueueRedisURL),
			"A second Redis for asynq alone. The queue is only a doorbell, so it may be less durable and faster. Not set: the ledger's."),
		define("redis", "durability", DurabilityAlways,
			oneOf(&c.RedisDurability, DurabilityAlways, DurabilityEverySec, DurabilityNone, DurabilityUnchecked),
			"What the roles that handle money demand of the ledger's Redis at start: always (AOF on, appendfsync always, noeviction, a primary), everysec, none, or unchecked where CONFIG is forbidden."),
		defineSecret("encryption", "key", "", keyring(&c.EncryptionKey),
			"Seals PINs and webhook secrets at rest: base64 of 32 bytes (openssl rand -base64 32), or id:base64 entries separated by commas; the first one writes, all of them read."),
		define("spool", "dir", DefaultSpoolDir, text(&c.SpoolDir),
			"A directory of the workers' own where they keep providers' answers while Redis is away: the last copy of a voucher's PIN may be there, sealed. Put it on a disk that outlives the process. none keeps them in memory for a while instead."),
		define("log", "level", "info", oneOf(&c.Log.Level, "debug", "info", "warn", "error"), "The least level that is logged: debug, info, warn or error."),
		define("log", "format", "json", oneOf(&c.Log.Format, "json", "console"), "json for machines, console for people."),
	}
}

func listenerSettings(c *Config) []setting {
	return []setting{
		define("intake", "addr", "127.0.0.1:8080", listenAddr(&c.IntakeAddr), "host:port that merchants talk to."),
		define("ops", "addr", "127.0.0.1:8081", listenAddr(&c.OpsAddr), "host:port of the operator's listener: dashboard and metrics. Keep it private."),
		defineSecret("ops", "users", "", opsUsers(&c.OpsUsers),
			"Who may log in there: name:password:role entries separated by commas, roles viewer, operator, admin. In topupq.yaml a list; hashed passwords ($argon2id$…, made by topupq hash-password) belong there. Without any user the listener stays shut."),
		define("", "two_people_above", "", moneyLimits(&c.TwoPeopleAbove),
			"Resolving a top-up of more than this by hand needs two people: amounts with their currency separated by commas (1000 ZAR, 50 USD), or one amount for every currency. Not set: one person may."),
		define("metrics", "addr", "", optionalAddr(&c.MetricsAddr),
			"host:port of a listener for Prometheus without a login, for every role. Keep it private. Not set: no such listener; the operator's listener always has /metrics."),
	}
}

func routeSettings(c *Config) []setting {
	return []setting{
		define("", "routes", "ZA:aat,IN:rechargekit,*:reloadly", routes(&c.Routes),
			"The provider by the recipient's country, where a top-up names none: COUNTRY:provider entries separated by commas, * for all others. Behind the country /operator=NAME (the network of the number's prefix, or the number of an operator in the product) and /merchant=ID may narrow it; of the entries that match, the narrowest counts. provider>provider names a second one, which takes over while provably nothing was sent, if the product says nothing that only the first one knows. In topupq.yaml a mapping, or a list of {country, operator, merchant, providers}. What is written here is laid over the default."),
		define("", "canaries", "50", number(&c.Canaries, 0, 1_000_000), "How many rows of a mobile operator in a batch go ahead, per worker process, before the rest follows. When more of an operator's rows fail than is usual for it, the rest of them waits until an operator resumes it, and the merchant gets batch.paused. 0 lets every batch go through."),
		define("", "failover_after", "30s", duration(&c.FailoverAfter, 0, day), "How long the first provider of a route may be out of reach before a top-up goes to the second one. Where it refuses our account it goes at once. After the loss of the whole ledger nobody knows which one a top-up went to: then take the second providers out of the routes before anything is submitted again."),
		define("lookups", "deny", "", words(&c.Lookups.Deny), "Lookups that merchants may not make: provider.action entries separated by commas, such as reloadly.getAccountBalance,reloadly.mnpLookupGet. Lookups of single top-ups show a merchant its own only, whatever stands here."),
		define("catalogue", "age", "1h", duration(&c.Lookups.CatalogueAge, time.Millisecond, 30*day), "How long lists of countries, operators, networks, vouchers, plans, promotions and commissions are served before they are asked for anew."),
		define("catalogue", "hard_age", "24h", duration(&c.Lookups.CatalogueHardAge, time.Millisecond, 90*day), "How long they are kept to be served, marked as stale, while the provider does not answer."),
	}
}

func scheduleSettings(c *Config) []setting {
	return []setting{
		define("check", "early", "10s,1m,5m", durations(&c.Check.Early, true, time.Millisecond, day), "When an open top-up is asked about first: delays after it was sent, ascending."),
		define("check", "interval", "1h", duration(&c.Check.Interval, time.Millisecond, day), "The wait between the later checks."),
		define("check", "count", "3", number(&c.Check.Count, 0, 1000), "How many checks there are at that interval before the end-of-day sweep."),
		define("", "end_of_day", "23:30", timeOfDay(&c.Check.EndOfDay), "When the sweep over the day's top-ups runs, HH:MM or HH:MM:SS in each provider's time zone."),
		define("", "rescue_after", "30s", duration(&c.RescueAfter, time.Millisecond, time.Hour), "A top-up whose job was lost is rung again within this time."),
		define("", "submit_margin", "5s", duration(&c.SubmitMargin, time.Millisecond, time.Hour), "Grace past a provider's timeout before a top-up whose sender has not come back is asked about."),
		define("", "leader_ttl", "10s", duration(&c.LeaderTTL, 10*time.Millisecond, 15*time.Second), "The life of the scheduler's lease; another scheduler takes over within twice this time."),
	}
}

func callbackSettings(c *Config) []setting {
	return []setting{
		define("callback", "retries", "5s,5m,30m,2h,5h,10h,14h,20h,24h", durations(&c.Callback.Retries, false, time.Millisecond, 30*day), "The waits after each failed delivery of a callback."),
		define("callback", "timeout", "15s", duration(&c.Callback.Timeout, time.Millisecond, 5*time.Minute), "How long one delivery may take."),
		define("events", "kept", "720h", duration(&c.Callback.EventsKept, day, 3650*day), "How long a merchant's event feed goes back."),
		define("", "allow_private_callbacks", "false", yesNo(&c.Callback.AllowPrivate), "Lets callbacks go to private, loopback and link-local addresses. For development only."),
	}
}

func clientSettings(c *Config) []setting {
	return []setting{
		define("", "url", "http://127.0.0.1:8080", baseURL(&c.Client.URL), "The intake that submit, status, history, lookup and report talk to."),
		defineSecret("", "api_key", "", secretText(&c.Client.APIKey), "The merchant's key that they use."),
	}
}
