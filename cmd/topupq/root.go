package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// deps is what the commands take from the world.
type deps struct {
	getenv         func(string) string
	environ        func() []string
	stdin          io.Reader
	stdout, stderr io.Writer
}

// Exit codes: 0 done, 1 failed, 2 wrong usage or configuration; commands add their own above that.
const (
	exitFailed = 1
	exitUsage  = 2
)

// exitError carries an exit code with its error; the text is printed unless it is empty.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageError is a mistake of whoever called, told with exit code 2.
func usageError(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// run executes the command line and returns the exit code.
func run(ctx context.Context, args []string, d deps) int {
	root := newRoot(d)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var ee *exitError
	if !errors.As(err, &ee) {
		fmt.Fprintln(d.stderr, "topupq:", err)
		return exitFailed
	}
	if ee.err != nil {
		fmt.Fprintln(d.stderr, "topupq:", ee.err)
	}
	return ee.code
}

// newRoot builds the command tree.
func newRoot(d deps) *cobra.Command {
	root := &cobra.Command{
		Use:   "topupq",
		Short: "Process mobile top-ups in bulk: never pay twice, never lose one, never lie about an outcome",
		Long: `topupq takes top-ups from merchants, records each one durably, runs it as an asynq job through
Reloadly, AAT or RechargeKit, finds out what really happened, and tells the merchant with a signed callback.

Start with "topupq demo": it needs nothing but this program.`,
		SilenceUsage: true, SilenceErrors: true,
	}
	root.SetIn(d.stdin)
	root.SetOut(d.stdout)
	root.SetErr(d.stderr)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError("%w (see %s --help)", err, c.CommandPath())
	})
	root.PersistentFlags().String("config", "", "settings file (default topupq.yaml in this folder, where there is one)")
	for _, add := range commands {
		root.AddCommand(add(d))
	}
	refuseUnknown(root)
	return root
}

// refuseUnknown makes a subcommand that does not exist a mistake of whoever called. Without one a group shows its help.
func refuseUnknown(c *cobra.Command) {
	for _, sub := range c.Commands() {
		refuseUnknown(sub)
	}
	if !c.HasSubCommands() || c.Runnable() {
		return
	}
	c.Args, c.SuggestionsMinimumDistance = cobra.ArbitraryArgs, 2
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		hint := ""
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			hint = ": did you mean " + near[0] + "?"
		}
		return usageError("unknown command %q for %s%s (see %s --help)", clean(args[0]), c.CommandPath(), hint, c.CommandPath())
	}
}

// commands are the subcommands, one file each.
var commands = []func(deps) *cobra.Command{
	newDemo, newDev, newRun, newIntake, newWork, newSchedule, newOps, newSimulate, newBench,
	newMerchant, newSubmit, newCallbacks, newStatus, newHistory, newLookup, newReport, newReconcile, newSettings, newHashPassword,
	newReplay, newResolve, newCancel, newPause, newResume, newRecover, newAudit, newDoctor,
}
