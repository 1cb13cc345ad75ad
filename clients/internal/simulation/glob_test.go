package simulation

import "testing"

func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "anything", true}, {"*", "", true}, {"abc", "abc", true}, {"abc", "abcd", false}, {"a*d", "abcd", true},
		{"a*c*d", "abcbd", true}, {"*b?d", "abcd", true}, {"?", "", false}, {"*x", "abc", false}, {"a*", "a", true},
		{"*Perform*", "/MobileRecharge.asmx/PerformPinlessRecharge", true},
	} {
		if got := glob(test.pattern, test.text); got != test.want {
			t.Errorf("%q on %q: got %v", test.pattern, test.text, got)
		}
	}
}
