// Command gen writes the sample batch and its README from the table in package sample. Run it from the root of the
// repository: go run ./deploy/sample/gen
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"topupq/deploy/sample"
)

func main() {
	dir := flag.String("dir", filepath.Join("deploy", "sample"), "the directory to write to")
	flag.Parse()
	if err := run(*dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run writes both files into dir.
func run(dir string) error {
	batch, err := sample.CSV()
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{"topups.csv": batch, "README.md": sample.Readme()} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return fmt.Errorf("write the sample: %w", err)
		}
	}
	return nil
}
