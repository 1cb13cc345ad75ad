package config

import (
	"fmt"
	"io"
	"strings"
)

// Describe lists every setting, in the order of the documents.
func Describe() []Setting {
	var c Config
	table := settings(&c)
	out := make([]Setting, len(table))
	for i, s := range table {
		out[i] = s.Setting
	}
	return out
}

// WriteMarkdown writes docs/configuration.md.
func WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString(`# Configuration

Made by ` + "`topupq config --markdown`" + `; a test compares the two.

Settings come from ` + "`topupq.yaml`" + ` (or the file named by ` + "`--config` or `TOPUPQ_CONFIG`" + `) and are overridden by the
environment. In the file a setting may be written nested (` + "`aat: {timeout: 60s}`" + `) or flat (` + "`aat_timeout: 60s`" + `); lists may
be written as lists. A secret can be read from a file instead: add ` + "`_FILE`" + ` to the variable, or ` + "`_file`" + ` to the key.
An empty variable counts as not set. Everything is checked at start, and every mistake is named at once.

| variable | key in topupq.yaml | default | meaning |
| --- | --- | --- | --- |
`)
	for _, s := range Describe() {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", s.Env, s.Key(), codeOrNone(s.Default), cell(s))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func codeOrNone(s string) string {
	if s == "" {
		return "–"
	}
	return "`" + strings.ReplaceAll(s, "|", `\|`) + "`"
}

func cell(s Setting) string {
	text := strings.ReplaceAll(s.Meaning, "|", `\|`)
	if s.Secret {
		text += " *Secret.*"
	}
	for _, a := range s.Aliases {
		text += " Also read from `" + a + "`."
	}
	return text
}

// WriteExample writes deploy/topupq.example.yaml: every setting with its default, commented out.
func WriteExample(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Every setting of topupq with its default. Made by \"topupq config --yaml\"; a test compares the two.\n" +
		"# Take the # off the lines that you change. Nested works too: aat: {timeout: 60s} is aat_timeout: 60s.\n")
	for _, s := range Describe() {
		b.WriteString("\n")
		for _, line := range wrap(s.Meaning, 110) {
			fmt.Fprintf(&b, "# %s\n", line)
		}
		fmt.Fprintf(&b, "#%s: %s\n", s.Key(), quoteYAML(s.Default))
		if s.Secret {
			fmt.Fprintf(&b, "#%s_file: /run/secrets/%s\n", s.Key(), s.Key())
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// quoteYAML quotes what YAML would not read as the same text.
func quoteYAML(s string) string {
	if s == "" || strings.ContainsAny(s, ":*#{}[]&!|>'\"%@`,?()") {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return s
}

func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = join(line, " ", word)
	}
	return append(lines, line)
}
