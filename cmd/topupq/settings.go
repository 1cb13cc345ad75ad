package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"topupq/config"
)

// newSettings lists the settings, or checks those of this machine.
func newSettings(d deps) *cobra.Command {
	var markdown, yaml, check bool
	cmd := &cobra.Command{
		Use: "config", Short: "List every setting with its default and meaning, or check those of this machine",
		Example: "  topupq config\n  topupq config --check\n  topupq config --yaml > topupq.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case markdown:
				return config.WriteMarkdown(cmd.OutOrStdout())
			case yaml:
				return config.WriteExample(cmd.OutOrStdout())
			case check:
				if _, err := loadConfig(cmd, d); err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), "the configuration is good")
				return nil
			}
			rows := [][]string{}
			for _, s := range config.Describe() {
				rows = append(rows, []string{s.Env, s.Default, s.Meaning})
			}
			return printTable(cmd.OutOrStdout(), []string{"VARIABLE", "DEFAULT", "MEANING"}, rows)
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "read topupq.yaml and the environment and name every mistake")
	cmd.Flags().BoolVar(&markdown, "markdown", false, "print docs/configuration.md")
	cmd.Flags().BoolVar(&yaml, "yaml", false, "print an example topupq.yaml")
	cmd.MarkFlagsMutuallyExclusive("check", "markdown", "yaml")
	return cmd
}
