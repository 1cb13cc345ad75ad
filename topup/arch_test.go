package topup_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// mayImport is the import table of the module: package (or pattern) to what it may import from this module. A
// package that is not listed fails the test; cmd may import anything and is imported by nobody.
var mayImport = map[string][]string{
	"topup":              {},
	"config":             {},
	"redispipe":          {},
	"redisproc":          {},
	"clients/internal/*": {},
	"clients/*/*sim":     {"clients/internal/simulation"},
	"topup/redisstore":   {"topup", "redispipe"},
	"topup/storetest":    {"topup"},
	"jobs":               {"topup"},
	"webhook":            {"topup"},
	"client":             {},
	"clients/*":          {"clients/internal/httpcall"},
	"clients":            {"topup", "clients/*"},
	"workers":            {"topup", "jobs", "webhook"},
	"scheduler":          {"topup", "jobs"},
	"intake":             {"topup", "jobs", "report"},
	"reconcile":          {"topup"},
	"archive":            {"topup"},
	"dayend":             {"topup", "jobs", "report", "reconcile", "archive"},
	"operator":           {"topup"},
	"doctor":             {"topup", "topup/redisstore"},
	"telemetry":          {"topup", "operator"},
	"report":             {"topup"},
	"ops/console":        {"topup", "operator"},
	"ops":                {"topup", "operator", "ops/console"},
	"cmd/*":              {"*"},
	"e2e":                {"*"},
	"e2e/*":              {"*"},
	"deploy/sample":      {},
	"deploy/sample/gen":  {"deploy/sample"},
}

// Tests may also use the test-only packages, and the simulators of what they test.
var testsMayImport = []string{"topup/storetest", "redisproc", "topup/redisstore", "topup", "clients/*/*sim", "webhook"}

func TestImportTable(t *testing.T) {
	t.Parallel()
	root := ".."
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name != ".." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "tools") {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(file, ".go") {
			checkFile(t, root, file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkFile(t *testing.T, root, file string) {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, src, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(root, filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	pkg := filepath.ToSlash(rel)
	allowed, known := allowedFor(pkg)
	if !known {
		t.Errorf("package %s is not in the import table of topup/arch_test.go", pkg)
		return
	}
	if strings.HasSuffix(file, "_test.go") {
		allowed = append(append([]string{pkg}, allowed...), testsMayImport...)
	}
	for _, imp := range parsed.Imports {
		name, ok := strings.CutPrefix(strings.Trim(imp.Path.Value, `"`), "topupq/")
		if ok && !matchAny(allowed, name) {
			t.Errorf("%s imports %s: the table allows %s only %v", file, name, pkg, allowed)
		}
	}
}

// allowedFor finds the row of a package: an exact one before a pattern, a longer pattern before a shorter.
func allowedFor(pkg string) ([]string, bool) {
	if row, ok := mayImport[pkg]; ok {
		return row, true
	}
	best, found := "", false
	for pattern := range mayImport {
		if ok, _ := path.Match(pattern, pkg); ok && len(pattern) > len(best) {
			best, found = pattern, true
		}
	}
	return mayImport[best], found
}

func matchAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if p == "*" {
			return true
		}
		if ok, _ := path.Match(p, name); ok {
			return true
		}
	}
	return false
}
