package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"syscall"
)

// ErrAddress means that a callback would go to an address or a URL that is refused: nobody may use our sender to
// reach what only our network can reach.
var ErrAddress = errors.New("address not allowed")

// Guard decides where callbacks may be sent. The zero Guard is for production: https to public addresses only.
type Guard struct {
	// AllowPrivate lets everything through: plain http, IP literals and every address. For development.
	AllowPrivate bool
}

// CheckURL refuses what is never a merchant's public endpoint: another scheme than https, a user name in it, an IP
// address in place of a name. The error wraps ErrAddress and can be shown to the merchant.
func (g Guard) CheckURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.Opaque != "" {
		return nil, fmt.Errorf("%w: not an absolute URL", ErrAddress)
	}
	if u.User != nil {
		return nil, fmt.Errorf("%w: a user name in the URL", ErrAddress)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !g.AllowPrivate) {
		return nil, fmt.Errorf("%w: only https", ErrAddress)
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil && !g.AllowPrivate {
		return nil, fmt.Errorf("%w: a name is wanted, not an IP address", ErrAddress)
	}
	return u, nil
}

// Control is for net.Dialer: it runs after the name was resolved and before the connection is made, for every
// address tried, so that a name that changes its address between two look-ups gains nothing.
func (g Guard) Control(_, address string, _ syscall.RawConn) error {
	if g.AllowPrivate {
		return nil
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !Public(ap.Addr()) {
		return ErrAddress
	}
	return nil
}

// Public reports whether an address is one of the public internet. IPv4 inside IPv6 is judged as IPv4; an address
// with a zone is never public.
func Public(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	if a.Is4() {
		return !within(a, special4)
	}
	return globalUnicast6.Contains(a) && !within(a, special6)
}

func within(a netip.Addr, blocks []netip.Prefix) bool {
	for _, b := range blocks {
		if b.Contains(a) {
			return true
		}
	}
	return false
}

// globalUnicast6 is the only IPv6 block that is routed on the public internet.
var globalUnicast6 = netip.MustParsePrefix("2000::/3")

// special6 are the parts of it that are not public: protocol assignments with Teredo, documentation, 6to4.
var special6 = []netip.Prefix{
	netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"),
}

// special4 is the IANA IPv4 special-purpose registry, with multicast and the reserved rest.
var special4 = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("224.0.0.0/4"),
	netip.MustParsePrefix("240.0.0.0/4"),
}
