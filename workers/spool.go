package workers

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"topupq/topup"
)

// sendAnswer is what a paying call came to, as it goes into the ledger. Outcome has no PIN: that is sealed for the record.
type sendAnswer struct {
	ID       topup.ID           `json:"id"`
	Provider topup.ProviderName `json:"provider"`
	// Claim is the token under which the call was made.
	Claim   uint64        `json:"claim,string"`
	At      time.Time     `json:"at"`
	Outcome topup.Outcome `json:"outcome"`
	PIN     []byte        `json:"pin,omitempty"`
}

// newSendAnswer seals what o holds of a PIN. Without a key the PIN is left out: it stays at the provider, where it can be
// read again.
func newSendAnswer(k topup.Keyring, t *topup.Topup, claim uint64, o topup.Outcome, now time.Time) (sendAnswer, error) {
	a := sendAnswer{ID: t.ID, Provider: t.Provider, Claim: claim, At: now, Outcome: o}
	a.Outcome.PIN = ""
	if o.PIN.Reveal() == "" {
		return a, nil
	}
	sealed, err := k.Seal(o.PIN, string(t.ID))
	if err != nil && !errors.Is(err, topup.ErrNoKey) {
		return a, fmt.Errorf("seal PIN: %w", err)
	}
	a.PIN = sealed
	return a, nil
}

// Spool is a directory that keeps answers of providers while the ledger is away: for a voucher it may hold the only
// copy of the PIN, sealed. What Put has returned survives the end of the process and a power cut. Several processes
// may share a directory. A nil Spool keeps nothing.
type Spool struct {
	dir string
	// made means that OpenSpool has made the directory.
	made bool
}

const (
	spoolSuffix = ".answer"
	// spoolTemp begins the names of files that are not complete; one that is older than spoolTempAge is left over.
	spoolTemp    = ".tmp-"
	spoolTempAge = time.Hour
	// spoolBad is added to the name of a file that cannot be read.
	spoolBad = ".unreadable"
)

var errNoSpool = errors.New("no spool directory")

// OpenSpool makes dir where it is missing and tries whether it can be written.
func OpenSpool(dir string) (*Spool, error) {
	_, err := os.Stat(dir)
	s := &Spool{dir: dir, made: errors.Is(err, fs.ErrNotExist)}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make spool directory: %w", err)
	}
	if err := s.sweep(time.Now()); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, spoolTemp)
	if err != nil {
		return nil, fmt.Errorf("try spool directory: %w", err)
	}
	_ = f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return nil, fmt.Errorf("try spool directory: %w", err)
	}
	return s, syncDir(filepath.Dir(filepath.Clean(dir)))
}

// Close removes the directory when OpenSpool has made it and nothing is in it.
func (s *Spool) Close() {
	if s != nil && s.made {
		_ = os.Remove(s.dir) // fails where there are answers left
	}
}

// sweep removes what a crash left half written.
func (s *Spool) sweep(now time.Time) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("read spool directory: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), spoolTemp) {
			continue
		}
		if info, err := e.Info(); err == nil && now.Sub(info.ModTime()) > spoolTempAge {
			_ = os.Remove(filepath.Join(s.dir, e.Name())) // its owner is long gone; if not removed now, at the next start
		}
	}
	return nil
}

// put writes an answer and returns its name. It is complete on the disk, or it is not there at all.
func (s *Spool) put(a sendAnswer) (string, error) {
	if s == nil {
		return "", errNoSpool
	}
	text, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("encode answer: %w", err)
	}
	temp, err := s.writeTemp(text)
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("%020d-%s-%016x%s", a.At.UnixNano(), a.ID, a.Claim, spoolSuffix)
	if err := os.Rename(temp, filepath.Join(s.dir, name)); err != nil {
		_ = os.Remove(temp)
		return "", fmt.Errorf("name answer: %w", err)
	}
	return name, syncDir(s.dir)
}

func (s *Spool) writeTemp(text []byte) (string, error) {
	f, err := os.CreateTemp(s.dir, spoolTemp)
	if err != nil {
		return "", fmt.Errorf("create answer: %w", err)
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", fmt.Errorf("write answer: %w", err)
	}
	return f.Name(), nil
}

// names are the answers that wait, in the order in which they came.
func (s *Spool) names() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("read spool directory: %w", err)
	}
	var out []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), spoolSuffix) && !strings.HasPrefix(e.Name(), spoolTemp) {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	return out, nil
}

// errSpoolBad means that a file is no answer. It has been put aside.
var errSpoolBad = errors.New("no answer in the file")

// get reads an answer. fs.ErrNotExist when another process has dealt with it.
func (s *Spool) get(name string) (sendAnswer, error) {
	var a sendAnswer
	path := filepath.Join(s.dir, name)
	text, err := os.ReadFile(path)
	if err != nil {
		return a, fmt.Errorf("read answer: %w", err)
	}
	if err := json.Unmarshal(text, &a); err != nil || !a.ID.Valid() {
		return a, errors.Join(errSpoolBad, os.Rename(path, path+spoolBad))
	}
	a.Outcome.PIN = "" // it is written as redacted
	return a, nil
}

// remove forgets an answer that is in the ledger.
func (s *Spool) remove(name string) error {
	if err := os.Remove(filepath.Join(s.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove answer: %w", err)
	}
	return nil
}

// syncDir makes the names in a directory safe from a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}
