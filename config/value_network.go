package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// listenAddr reads "host:port"; host may be empty for all interfaces, port 0 takes a free one.
func listenAddr(to *string) binding {
	return func(v value) error {
		_, port, err := net.SplitHostPort(v.text)
		if n, bad := strconv.Atoi(port); err != nil || bad != nil || n < 0 || n > 65535 {
			return fmt.Errorf("%s is not an address to listen on: write host:port, such as 127.0.0.1:8080", v.shown())
		}
		*to = v.text
		return nil
	}
}

// optionalAddr is listenAddr that may be empty.
func optionalAddr(to *string) binding {
	return func(v value) error {
		if v.text == "" {
			return nil
		}
		return listenAddr(to)(v)
	}
}

// baseURL reads the address of a service: scheme, host and path only.
func baseURL(to *string) binding {
	return func(v value) error {
		u, err := url.Parse(v.text)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
			return errors.New("not a web address: write https://host, with a path where the service has one")
		}
		if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return errors.New("must not hold a user, a query or a fragment: credentials have settings of their own")
		}
		*to = strings.TrimRight(v.text, "/")
		return nil
	}
}

// serviceURL is baseURL for a provider: plain http only inside one's own network.
func serviceURL(to *string) binding {
	return func(v value) error {
		var s string
		if err := baseURL(&s)(v); err != nil {
			return err
		}
		if strings.HasPrefix(strings.ToLower(s), "http:") && !ownNetwork(s) {
			return errors.New("plain http would send credentials in the clear: write https (http is for loopback and private addresses)")
		}
		*to = s
		return nil
	}
}

// asmxURL is serviceURL for AAT.
func asmxURL(to *string) binding {
	return func(v value) error {
		var s string
		if err := serviceURL(&s)(v); err != nil {
			return err
		}
		if !strings.HasSuffix(strings.ToLower(s), ".asmx") {
			return errors.New("must go up to and including .asmx, such as https://host/MobileRecharge.asmx")
		}
		*to = s
		return nil
	}
}

// ownNetwork reports whether the host is an address that is never routed on the internet, or a name without a
// dot (a neighbour in a compose file or a cluster).
func ownNetwork(rawURL string) bool {
	u, err := url.Parse(rawURL)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return !strings.Contains(u.Hostname(), ".")
	}
	addr = addr.Unmap()
	return addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast()
}

// keyring checks "base64 of 32 bytes", or "id:base64" comma separated.
func keyring(to *Secret) binding {
	return func(v value) error {
		seen := map[string]bool{}
		for i, part := range v.list() {
			id, encoded, named := strings.Cut(part, ":")
			if !named {
				id, encoded = "0", part
			}
			if key, err := base64.StdEncoding.DecodeString(encoded); err != nil || len(key) != 32 {
				return fmt.Errorf("key number %d is not base64 of 32 bytes: make one with openssl rand -base64 32", i+1)
			}
			if id == "" || len(id) > 32 || seen[id] {
				return fmt.Errorf("the id of key number %d must be unique and 1 to 32 characters long: write id:base64", i+1)
			}
			seen[id] = true
		}
		*to = Secret(strings.Join(v.list(), ","))
		return nil
	}
}

// opsUsers reads "name:password:role" entries. The name has no colon, the password may.
func opsUsers(to *[]User) binding {
	return func(v value) error {
		if v.items == nil && strings.Contains(v.text, "$argon2id$") {
			return errors.New("hashed passwords hold commas: write the users in topupq.yaml, one list item each")
		}
		var out []User
		for i, entry := range v.list() {
			u, err := parseUser(entry)
			if err != nil {
				return fmt.Errorf("user number %d: %w", i+1, err)
			}
			if slices.ContainsFunc(out, func(o User) bool { return o.Name == u.Name }) {
				return fmt.Errorf("user number %d: the name is taken", i+1)
			}
			out = append(out, u)
		}
		*to = out
		return nil
	}
}

func parseUser(entry string) (User, error) {
	name, rest, ok := strings.Cut(entry, ":")
	at := strings.LastIndex(rest, ":")
	if !ok || at < 1 || strings.TrimSpace(name) == "" {
		return User{}, errors.New("write name:password:role; entries are separated by commas")
	}
	u := User{Name: strings.TrimSpace(name), Password: Secret(rest[:at]), Role: rest[at+1:]}
	if u.Role != RoleViewer && u.Role != RoleOperator && u.Role != RoleAdmin {
		return User{}, errors.New("the role at its end must be viewer, operator or admin")
	}
	return u, nil
}

// redisURL checks the address of a Redis.
func redisURL(to *Secret) binding {
	return func(v value) error {
		if _, err := RedisOptions(Secret(v.text)); err != nil {
			return err
		}
		*to = Secret(v.text)
		return nil
	}
}
