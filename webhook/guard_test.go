package webhook_test

import (
	"errors"
	"net/netip"
	"testing"

	"topupq/webhook"
)

// refusedAddresses are both ends of every special block, and ways to write them.
func refusedAddresses() map[string][]string {
	return map[string][]string{
		"this network":       {"0.0.0.0", "0.255.255.255"},
		"private 10":         {"10.0.0.0", "10.255.255.255"},
		"shared":             {"100.64.0.0", "100.127.255.255"},
		"loopback":           {"127.0.0.1", "127.255.255.255"},
		"link local":         {"169.254.0.0", "169.254.169.254", "169.254.255.255"},
		"private 172":        {"172.16.0.0", "172.31.255.255"},
		"protocols":          {"192.0.0.0", "192.0.0.170", "192.0.0.255"},
		"documentation 1":    {"192.0.2.0", "192.0.2.255"},
		"6to4 relay":         {"192.88.99.0", "192.88.99.255"},
		"private 192":        {"192.168.0.0", "192.168.255.255"},
		"benchmarks":         {"198.18.0.0", "198.19.255.255"},
		"documentation 2":    {"198.51.100.0", "198.51.100.255"},
		"documentation 3":    {"203.0.113.0", "203.0.113.255"},
		"multicast":          {"224.0.0.0", "239.255.255.255"},
		"reserved":           {"240.0.0.0", "255.255.255.255"},
		"v4 mapped":          {"::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:a9fe:a9fe"},
		"v4 compatible":      {"::127.0.0.1", "::1", "::"},
		"nat64":              {"64:ff9b::7f00:1", "64:ff9b:1::1"},
		"discard":            {"100::1"},
		"teredo":             {"2001::", "2001:0:4136:e378::1"},
		"protocols 6":        {"2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"},
		"documentation 6":    {"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
		"6to4":               {"2002::", "2002:7f00:1::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		"documentation 6 II": {"3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"},
		"segment routing":    {"5f00::1"},
		"unique local":       {"fc00::1", "fdff::1"},
		"link local 6":       {"fe80::1", "fe80::1%eth0"},
		"site local":         {"fec0::1"},
		"multicast 6":        {"ff02::1"},
		"zone on public":     {"2606:4700::1111%eth0"},
		"below global":       {"1fff:ffff::1"},
		"above global":       {"4000::1"},
	}
}

// allowedAddresses are the public neighbours of every special block.
func allowedAddresses() map[string][]string {
	return map[string][]string{
		"around 10":             {"9.255.255.255", "11.0.0.0"},
		"around shared":         {"100.63.255.255", "100.128.0.0"},
		"around loopback":       {"126.255.255.255", "128.0.0.0"},
		"around link local":     {"169.253.255.255", "169.255.0.0"},
		"around 172":            {"172.15.255.255", "172.32.0.0"},
		"around protocols":      {"191.255.255.255", "192.0.1.0"},
		"around documentation":  {"192.0.1.255", "192.0.3.0", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0"},
		"around 6to4 relay":     {"192.88.98.255", "192.88.100.0"},
		"around 192":            {"192.167.255.255", "192.169.0.0"},
		"around benchmarks":     {"198.17.255.255", "198.20.0.0"},
		"below multicast":       {"223.255.255.255"},
		"above this network":    {"1.0.0.0", "1.1.1.1", "8.8.8.8"},
		"v4 mapped":             {"::ffff:8.8.8.8"},
		"global 6":              {"2000::", "2001:200::", "2001:4860:4860::8888", "2606:4700::1111", "3ffe::1", "3fff:1000::"},
		"around documentation6": {"2001:db7:ffff::1", "2001:db9::1"},
		"around 6to4":           {"2001:ffff::1", "2003::1"},
	}
}

func TestGuardControl(t *testing.T) {
	t.Parallel()
	check := func(addresses map[string][]string, want error) {
		for name, list := range addresses {
			for _, a := range list {
				address := netip.AddrPortFrom(netip.MustParseAddr(a), 443).String()
				if err := (webhook.Guard{}).Control("tcp", address, nil); !errors.Is(err, want) {
					t.Errorf("%s: %s: got %v, want %v", name, a, err, want)
				}
				if err := (webhook.Guard{AllowPrivate: true}).Control("tcp", address, nil); err != nil {
					t.Errorf("%s: %s: refused although private ones are allowed: %v", name, a, err)
				}
			}
		}
	}
	check(refusedAddresses(), webhook.ErrAddress)
	check(allowedAddresses(), nil)
	for _, garbage := range []string{"", "localhost:80", "127.1:80", "8.8.8.8", "[::1]", "0x7f.1:80"} {
		if err := (webhook.Guard{}).Control("tcp", garbage, nil); !errors.Is(err, webhook.ErrAddress) {
			t.Errorf("%q: got %v", garbage, err)
		}
	}
}

func TestGuardCheckURL(t *testing.T) {
	t.Parallel()
	cases := []struct {
		url                 string
		production, private bool
	}{
		{"https://hooks.example.com/topups?x=1", true, true},
		{"https://hooks.example.com:8443/", true, true},
		{"http://hooks.example.com/", false, true},
		{"https://127.0.0.1/", false, true},
		{"https://[2606:4700::1111]/", false, true},
		{"https://[fe80::1%25eth0]/", false, true},
		{"http://localhost:9000/cb", false, true},
		{"https://user@hooks.example.com/", false, false},
		{"https://user:pw@hooks.example.com/", false, false},
		{"ftp://hooks.example.com/", false, false},
		{"file:///etc/passwd", false, false},
		{"https:hooks.example.com", false, false},
		{"//hooks.example.com/", false, false},
		{"hooks.example.com", false, false},
		{"https://", false, false},
		{"https://:443/", false, false},
		{"https://hooks.example.com/\r\nx", false, false},
		{"", false, false},
	}
	for _, c := range cases {
		for guard, want := range map[webhook.Guard]bool{{}: c.production, {AllowPrivate: true}: c.private} {
			if _, err := guard.CheckURL(c.url); (err == nil) != want || (err != nil && !errors.Is(err, webhook.ErrAddress)) {
				t.Errorf("%q with %+v: %v", c.url, guard, err)
			}
		}
	}
}
