package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
)

const (
	defaultFile = "topupq.yaml"
	fileEnv     = prefix + "CONFIG"
	maxFile     = 1 << 20
)

// Load reads the settings. path names the file; when it is empty, TOPUPQ_CONFIG does, and without that
// topupq.yaml in the working directory is read if it is there. getenv returns a variable's value, "" when it is
// not set, and environ is the list of all of them, "NAME=value" each. An empty variable counts as not set.
//
// The error is an *Error with every mistake at once, and the Config is then of no use. No secret is ever in it.
func Load(path string, getenv func(string) string, environ []string) (Config, error) {
	l := &loader{getenv: getenv, failed: map[string]bool{}}
	var c Config
	table := settings(&c)
	l.checkNames(table, environ)
	l.readFile(cmp.Or(path, getenv(fileEnv)), table)
	for _, s := range table {
		l.load(s)
	}
	l.complete(&c)
	c.Warnings = l.warnings
	if err := l.bad.err(); err != nil {
		return Config{}, err
	}
	return c, nil
}

type loader struct {
	getenv func(string) string
	yaml   map[string]written
	bad    problems
	// warnings are what is odd but does no harm.
	warnings []string
	// failed are the variables whose value is wrong, so that nothing more is said about their consequences.
	failed map[string]bool
}

// others are the variables with our prefix that are no settings of the program.
var others = []string{fileEnv, prefix + "TEST_", prefix + "REQUIRE_", prefix + "OPERATOR_PASSWORD"}

// injected are the variables that Kubernetes sets for a service named topupq or topupq-something.
var injected = regexp.MustCompile(`^TOPUPQ_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// checkNames reports variables that nobody reads: a misspelt one must not be ignored.
func (l *loader) checkNames(table []setting, environ []string) {
	known := []string{fileEnv}
	for _, s := range table {
		known = append(known, s.Env)
		if s.Secret {
			known = append(known, s.Env+fileSuffix)
		}
	}
	for _, line := range environ {
		name, _, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, prefix) || slices.Contains(known, name) || injected.MatchString(name) {
			continue
		}
		if slices.ContainsFunc(others, func(o string) bool { return strings.HasPrefix(name, o) }) {
			continue
		}
		if near := nearest(name, known); near != "" && distance(name, near) <= slip {
			l.bad.add(name, "unknown variable: did you mean %s?", near)
			continue
		}
		l.warnings = append(l.warnings, name+" is no setting of topupq and is ignored: topupq config lists all of them")
	}
}

// slip is how many letters may be wrong for an unknown variable to be a misspelt setting, which must not be ignored.
// Further off it is somebody else's: other programs may use our prefix, too.
const slip = 2

// readFile reads the file into l.yaml. Only one that was asked for must exist.
func (l *loader) readFile(path string, table []setting) {
	data, err := readSmall(cmp.Or(path, defaultFile))
	if path == "" && errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		l.bad.add(cmp.Or(path, defaultFile), "cannot be read: %s", reason(err))
		return
	}
	var known []string
	for _, s := range table {
		known = append(known, s.Key())
		if s.Secret {
			known = append(known, s.Key()+strings.ToLower(fileSuffix))
		}
	}
	l.yaml = readYAML(cmp.Or(path, defaultFile), data, known, &l.bad)
}

// load finds the value of one setting and binds it.
func (l *loader) load(s setting) {
	before := len(l.bad.list)
	l.bindValue(s)
	l.failed[s.Env] = len(l.bad.list) > before
}

func (l *loader) bindValue(s setting) {
	w, ok := l.find(s)
	if !ok || w.text == "" {
		w = written{value: value{text: s.Default}, where: s.Env}
	}
	if w.text == "" {
		return
	}
	w.secret = s.Secret
	// A default is bound first where values are laid over it.
	if s.Default != "" && w.text != s.Default {
		if err := s.bind(value{text: s.Default}); err != nil {
			l.bad.add(s.Env, "its default: %s", err)
		}
	}
	if err := s.bind(w.value); err != nil {
		l.bad.add(w.where, "%s", err)
	}
}

// find looks in the environment, then among the aliases, then in the file.
func (l *loader) find(s setting) (written, bool) {
	for _, name := range append([]string{s.Env}, s.Aliases...) {
		if w, ok := l.fromEnv(s, name); ok {
			return w, true
		}
	}
	direct, set := l.yaml[s.Key()]
	byFile, setByFile := l.yaml[s.Key()+strings.ToLower(fileSuffix)]
	switch {
	case set && setByFile && s.Secret:
		l.bad.add(byFile.where, "%s is set as well: keep one", direct.where)
		return written{}, false
	case setByFile && s.Secret:
		return l.fromFile(byFile.where, byFile.text)
	}
	return direct, set
}

func (l *loader) fromEnv(s setting, name string) (written, bool) {
	text := l.getenv(name)
	path := ""
	if s.Secret {
		path = l.getenv(name + fileSuffix)
	}
	switch {
	case text != "" && path != "":
		l.bad.add(name, "%s is set as well: keep one", name+fileSuffix)
		return written{}, true
	case path != "":
		return l.fromFile(name+fileSuffix, path)
	}
	return written{value: value{text: text}, where: name}, text != ""
}

// fromFile reads a secret from a file; a line end at its end does not belong to it.
func (l *loader) fromFile(where, path string) (written, bool) {
	data, err := readSmall(path)
	if err != nil {
		l.bad.add(where, "its file cannot be read: %s", reason(err))
		return written{}, true
	}
	text := strings.TrimRight(string(data), "\r\n")
	if text == "" {
		l.bad.add(where, "its file is empty")
	}
	return written{value: value{text: text}, where: where}, true
}

func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() || info.Size() > maxFile {
		return nil, fmt.Errorf("not a file of at most %d bytes", maxFile)
	}
	return os.ReadFile(path)
}

// reason is the system's word for a failure, without the path, which stands beside it already.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}
