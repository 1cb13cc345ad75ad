package config

// complete checks what no single setting can tell: credentials that belong together, and settings that one
// cannot do without the other.
func (l *loader) complete(c *Config) {
	if c.QueueRedisURL == "" {
		c.QueueRedisURL = c.RedisURL
	}
	r := &c.Reloadly
	l.together("reloadly", []part{{"TOPUPQ_RELOADLY_CLIENT_ID", r.ClientID != ""}, {"TOPUPQ_RELOADLY_CLIENT_SECRET", r.ClientSecret != ""}})
	if r.Enabled() && r.BaseURL == "" {
		l.unlessBad("TOPUPQ_RELOADLY_BASE_URL", "is missing: write https://topups.reloadly.com for live keys or https://topups-sandbox.reloadly.com for test keys")
	}
	if r.Audience == "" {
		r.Audience = r.BaseURL
	}
	l.together("aat", []part{{"TOPUPQ_AAT_USERNAME", c.AAT.Username != ""}, {"TOPUPQ_AAT_PASSWORD", c.AAT.Password != ""}})
	l.together("bulksms", []part{{"TOPUPQ_BULKSMS_TOKEN_ID", c.BulkSMS.TokenID != ""}, {"TOPUPQ_BULKSMS_TOKEN_SECRET", c.BulkSMS.TokenSecret != ""}})
	l.completeOIDC(c.OIDC)
	if n := len(c.Check.Early); n > 0 && c.Check.Count > 0 && c.Check.Early[n-1] >= c.Check.Interval {
		l.unlessBad("TOPUPQ_CHECK_EARLY", "its last delay must be shorter than TOPUPQ_CHECK_INTERVAL ("+short(c.Check.Interval)+")")
	}
}

type part struct {
	name string
	set  bool
}

// together reports credentials of which only a part is there.
func (l *loader) together(provider string, parts []part) {
	var have, missing []string
	for _, p := range parts {
		if p.set {
			have = append(have, p.name)
		} else {
			missing = append(missing, p.name)
		}
	}
	if len(have) > 0 && len(missing) > 0 {
		l.unlessBad(missing[0], "is missing although "+have[0]+" is set: set both, or neither to leave "+provider+" off")
	}
}

// unlessBad adds a mistake unless the setting has one already, of which this would only be the echo.
func (l *loader) unlessBad(name, what string) {
	if !l.failed[name] {
		l.bad.add(name, "%s", what)
	}
}
