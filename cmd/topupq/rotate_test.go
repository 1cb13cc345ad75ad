package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"

	"topupq/config"
	"topupq/topup"
)

// TestCredentialsAreReplacedWithoutARestart writes a new password into the file that the settings name.
func TestCredentialsAreReplacedWithoutARestart(t *testing.T) {
	t.Parallel()
	var seen atomic.Value
	seen.Store("")
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.URL.Query().Get("password"))
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer provider.Close()
	file := filepath.Join(t.TempDir(), "password")
	env := map[string]string{"TOPUPQ_AAT_USERNAME": "u", "TOPUPQ_AAT_PASSWORD_FILE": file, "TOPUPQ_AAT_BASE_URL": provider.URL + "/x.asmx"}
	reread := func() (config.Config, error) {
		return config.Load("", func(n string) string { return env[n] }, nil)
	}
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first")
	cfg, err := reread()
	if err != nil {
		t.Fatal(err)
	}
	p, err := newProviders(cfg)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{cfg: cfg, credentialsOf: cfg, log: zap.NewNop(), rotations: p.rotations}
	for _, want := range []string{"first", "second", "second"} {
		_, _ = p.routes[topup.AAT].Provider.Balance(t.Context())
		if seen.Load() != want {
			t.Errorf("the provider saw another password than the %s one", want)
		}
		write("second")
		if want == "second" {
			write("") // settings that are wrong change nothing
		}
		n.rotate(reread)
	}
}
