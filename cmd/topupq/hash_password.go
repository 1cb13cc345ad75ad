package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"topupq/ops"
	"topupq/topup"
)

// newHashPassword makes the hash of an operator's password.
func newHashPassword(d deps) *cobra.Command {
	return &cobra.Command{
		Use: "hash-password", Short: "Hash an operator's password for ops_users in topupq.yaml",
		Long:    "Reads the password from the terminal without showing it, or one line from standard input.",
		Example: "  topupq hash-password\n  printf '%s\\n' \"$PASSWORD\" | topupq hash-password",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			password, err := readPassword(d)
			if err != nil {
				return err
			}
			hashed, err := ops.HashPassword(password)
			if err != nil {
				return usageError("%w", err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), hashed)
			return nil
		},
	}
}

func readPassword(d deps) (topup.Secret, error) {
	if f, ok := d.stdin.(*os.File); ok && isTerminal(d.stdin) {
		fmt.Fprint(d.stderr, "Password: ")
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(d.stderr)
		if err != nil {
			return "", fmt.Errorf("read password: %w", err)
		}
		return topup.Secret(b), nil
	}
	line, err := bufio.NewReader(io.LimitReader(d.stdin, maxPasswordLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read password: %w", err)
	}
	return topup.Secret(strings.TrimRight(line, "\r\n")), nil
}

const maxPasswordLine = 4096

// isTerminal reports whether a stream is a terminal that a person looks at.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
