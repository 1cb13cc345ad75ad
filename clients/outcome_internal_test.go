package clients

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"topupq/topup"
)

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	cause := errors.New("reset with canary")
	out, err := noAnswer(cause, true)
	if err != nil || out.Answer != topup.Unclear || out.Code != topup.CodeAnswerLost || strings.Contains(fmt.Sprintf("%+v", out), "canary") {
		t.Errorf("reached: %+v, %v", out, err)
	}
	var ns *topup.NotSentError
	if _, err = noAnswer(cause, false); !errors.As(err, &ns) || !errors.Is(err, cause) || ns.Code != topup.CodeProviderUnreachable {
		t.Errorf("not reached: %v", err)
	}
	busy := &topup.NotSentError{Code: topup.CodeRateLimited, Err: cause}
	if got := notSent(fmt.Errorf("read the catalogue: %w", busy)); !errors.As(got, &ns) || ns.Code != topup.CodeRateLimited {
		t.Errorf("wrapped twice: %v", got)
	}
	if late := unclear(fmt.Errorf("wait: %w", context.DeadlineExceeded)); !strings.Contains(late.Message, "in time") {
		t.Errorf("late: %+v", late)
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"  plain \n text\x00 ":          "plain   text",
		"voucher 773709733097662 sold":  "voucher *************** sold",
		"code 123456":                   "code 123456",
		"number ٠٨٠٣١٢٣٤٥٦٧":            "number ***********",
		"\xff\xfebad":                   "bad",
		"left\u202eright":               "left right",
		strings.Repeat("é", 300):        strings.Repeat("é", 100),
		strings.Repeat("a", 199) + "éé": strings.Repeat("a", 199),
	}
	for in, want := range tests {
		if got := cut(in); got != want {
			t.Errorf("cut(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzCut(f *testing.F) {
	f.Add("voucher 773709733097662")
	f.Add(strings.Repeat("7", 500))
	f.Fuzz(func(t *testing.T, s string) {
		got := cut(s)
		if len(got) > maxWords || !utf8.ValidString(got) || longDigits.MatchString(got) || strings.ContainsAny(got, "\r\n") {
			t.Fatalf("cut(%q) = %q", s, got)
		}
	})
}
