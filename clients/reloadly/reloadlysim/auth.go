package reloadlysim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// token is the token call. Keys of the other environment look like wrong ones.
func (s *Sim) token(c *call) reply {
	var b struct {
		ID       string `json:"client_id"`
		Secret   string `json:"client_secret"`
		Grant    string `json:"grant_type"`
		Audience string `json:"audience"`
	}
	if json.Unmarshal(c.body, &b) != nil || b.Grant != "client_credentials" {
		return refuse(c, http.StatusBadRequest, "INVALID_INPUT_PROVIDED", "Invalid input provided")
	}
	if b.ID != s.opt.ClientID || b.Secret != s.opt.ClientSecret {
		return refuse(c, http.StatusUnauthorized, "INVALID_CREDENTIALS", "Access Denied")
	}
	if b.Audience == "" || s.opt.Audience != "" && b.Audience != s.opt.Audience {
		return refuse(c, http.StatusBadRequest, "INVALID_AUDIENCE", "The provided audience is not valid")
	}
	s.serial++
	value := fmt.Sprintf("simulated-token-%d", s.serial)
	s.tokens[value] = c.now.Add(s.opt.TokenLife)
	r := ok(fields{
		"access_token": value, "scope": "developer", "token_type": "Bearer",
		"expires_in": int64(s.opt.TokenLife / time.Second),
	})
	r.contentType = "application/json"
	return r
}

// checkAccess looks at the token and at Accept; nil lets the call pass.
func (s *Sim) checkAccess(c *call) *reply {
	value, bearer := strings.CutPrefix(c.header.Get("Authorization"), "Bearer ")
	expires, known := s.tokens[value]
	var r reply
	switch {
	case !bearer || value == "":
		r = refuse(c, http.StatusUnauthorized, "MISSING_TOKEN", "Full authentication is required to access this resource")
	case !known:
		r = refuse(c, http.StatusUnauthorized, "INVALID_TOKEN", "Full authentication is required to access this resource")
	case !c.now.Before(expires):
		r = refuse(c, http.StatusUnauthorized, "TOKEN_EXPIRED", "The token provided in the request has expired")
	case otherVersion(c.header.Get("Accept")):
		r = frameworkError(c, http.StatusNotAcceptable)
	default:
		return nil
	}
	return &r
}

// otherVersion reports whether Accept asks for a vendor type that is not served here.
func otherVersion(accept string) bool {
	return strings.Contains(accept, "application/com.reloadly.") && !strings.Contains(accept, vendorType)
}
