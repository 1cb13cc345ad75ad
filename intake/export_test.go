package intake

import (
	"slices"
	"strings"
	"testing"
)

// RoutesForTest lists the routes as "METHOD path scope".
func RoutesForTest(t testing.TB) []string {
	t.Helper()
	var names []string
	for _, rt := range (&Server{}).routes() {
		names = append(names, strings.TrimSpace(rt.pattern+" "+string(rt.scope)))
	}
	slices.Sort(names)
	return names
}
