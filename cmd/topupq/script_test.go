package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts run this test binary as topupq.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"topupq": func() {
			os.Exit(run(context.Background(), os.Args[1:], deps{
				getenv: os.Getenv, environ: os.Environ, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
			}))
		},
	})
}

// TestScripts runs testdata/script/*.txtar, each beside an intake and a store of its own.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			s, err := openShop(e.WorkDir, e.Defer)
			if err != nil {
				return err
			}
			for k, v := range s.env {
				e.Setenv(k, v)
			}
			return nil
		},
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"login": login, "fails": fails},
		RequireExplicitExec: true, RequireUniqueNames: true,
	})
}

// login adds a merchant and makes its key the script's: "login NAME".
func login(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Exec("topupq", "merchant", "add", args[0], "--json"))
	var keys merchantKeys
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &keys))
	ts.Setenv("TOPUPQ_API_KEY", keys.APIKey)
}

// fails runs a program that must end with an exit code: "fails CODE PROGRAM ARG...".
func fails(ts *testscript.TestScript, _ bool, args []string) {
	var exit *exec.ExitError
	err := ts.Exec(args[1], args[2:]...)
	if !errors.As(err, &exit) || strconv.Itoa(exit.ExitCode()) != args[0] {
		ts.Fatalf("ended with %v, want exit code %s", err, args[0])
	}
}
