package webhook

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	cases := map[string]time.Duration{
		"":                               0,
		"0":                              0,
		"1":                              time.Second,
		" 120 ":                          2 * time.Minute,
		"86400":                          day,
		"86401":                          day,
		"99999999999":                    day,
		"99999999999999999999999":        day,
		"-1":                             0,
		"+5":                             0,
		"1.5":                            0,
		"1e3":                            0,
		"0x10":                           0,
		"NaN":                            0,
		"soon":                           0,
		"５":                              0,
		"10, 20":                         0,
		"Mon, 02 Nov 2026 10:05:00 GMT":  5 * time.Minute,
		"Monday, 02-Nov-26 10:05:00 GMT": 5 * time.Minute,
		"Mon Nov  2 10:05:00 2026":       5 * time.Minute,
		"Mon, 02 Nov 2026 09:00:00 GMT":  0,
		"Wed, 02 Dec 2026 10:00:00 GMT":  day,
		"Mon, 32 Nov 2026 10:05:00 GMT":  0,
		"2026-11-02T10:05:00Z":           0,
	}
	for value, want := range cases {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: got %v, want %v", value, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("Mon, 02 Nov 2026 10:05:00 GMT")
	f.Add("9223372036854775807")
	f.Fuzz(func(t *testing.T, value string) {
		if d := retryAfter(value, time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)); d < 0 || d > maxRetryAfter {
			t.Errorf("%q: %v", value, d)
		}
	})
}

func FuzzExcerpt(f *testing.F) {
	f.Add([]byte("a\r\nb\x1b[31m\u202e" + strings.Repeat("日本", 200)))
	f.Add([]byte{0xff, 0xfe, 0xc3})
	f.Fuzz(func(t *testing.T, answer []byte) {
		got := excerpt(answer)
		if len(got) > maxExcerpt || !utf8.ValidString(got) {
			t.Errorf("%q: %d bytes %q", answer, len(got), got)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Errorf("%q: holds %U", answer, r)
			}
		}
	})
}
