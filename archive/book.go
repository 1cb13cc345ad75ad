package archive

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"

	"topupq/topup"
)

// Manifest says what a day's file holds. It stands beside the file.
type Manifest struct {
	Provider topup.ProviderName `json:"provider"`
	Date     string             `json:"date"`
	File     string             `json:"file"`
	Rows     int64              `json:"rows"`
	// SHA256 is that of the file as it is, Lines that of its lines before compression.
	SHA256 string    `json:"sha256"`
	Lines  string    `json:"lines_sha256"`
	Bytes  int64     `json:"bytes"`
	MadeAt time.Time `json:"made_at"`
}

// FileName is where a provider's day is kept.
func FileName(p topup.ProviderName, date string) string {
	return fmt.Sprintf("%s/%.4s/%s-%s.ndjson.zst", p, date, p, date)
}

func manifestName(p topup.ProviderName, date string) string {
	return fmt.Sprintf("%s/%.4s/%s-%s.json", p, date, p, date)
}

// maxLine bounds one line: a top-up with all that can hang on it is some ten kilobytes.
const maxLine = 4 << 20

// Each calls do once for every top-up of a day.
type Each func(do func(*topup.Topup) error) error

// Write keeps a provider's day: the rows, and those of the day's earlier file for which keep says true, because the
// ledger does not have them any more (nil for none). What is written is read back and compared; only then the manifest
// is written and returned.
func Write(ctx context.Context, s Shelf, p topup.ProviderName, date string, now time.Time, rows Each, keep func([]*topup.Topup) ([]bool, error)) (*Manifest, error) {
	f, err := os.CreateTemp("", "topupq-archive-*")
	if err != nil {
		return nil, fmt.Errorf("make temporary file: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // a left-over in the temporary folder does no harm
	defer f.Close()
	m := &Manifest{Provider: p, Date: date, File: FileName(p, date), MadeAt: now.UTC()}
	if err := writeRows(ctx, s, f, m, rows, keep); err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read temporary file: %w", err)
	}
	if err := s.Put(ctx, m.File, f, m.Bytes); err != nil {
		return nil, err
	}
	if err := Verify(ctx, s, m, nil); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return m, s.Put(ctx, manifestName(p, date), bytes.NewReader(text), int64(len(text)))
}

// rowKey is an ID without a string's header: a day of a million rows takes some tens of megabytes.
type rowKey [topup.IDLength]byte

// writeRows fills the file and the manifest's sums.
func writeRows(ctx context.Context, s Shelf, f io.Writer, m *Manifest, rows Each, keep func([]*topup.Topup) ([]bool, error)) error {
	packed, lines := sha256.New(), sha256.New()
	size := &counter{}
	z, err := zstd.NewWriter(io.MultiWriter(f, packed, size))
	if err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	// What leaves the ledger while it is read is among the rows and in the earlier file, and kept once.
	seen := map[rowKey]struct{}{}
	add := func(t *topup.Topup) error {
		var key rowKey
		copy(key[:], t.ID)
		if _, twice := seen[key]; twice {
			return nil
		}
		seen[key] = struct{}{}
		text, err := line(t)
		if err != nil {
			return err
		}
		m.Rows++
		lines.Write(text)
		_, err = z.Write(text)
		return err
	}
	err = rows(add)
	if err == nil && keep != nil {
		err = keepOld(ctx, s, m, add, keep)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	m.SHA256, m.Lines, m.Bytes = hex.EncodeToString(packed.Sum(nil)), hex.EncodeToString(lines.Sum(nil)), size.n
	return nil
}

// keepRows is how many rows of the earlier file are asked about at a time.
const keepRows = 256

// keepOld copies from the day's earlier file what keep wants.
func keepOld(ctx context.Context, s Shelf, m *Manifest, add func(*topup.Topup) error, keep func([]*topup.Topup) ([]bool, error)) error {
	var part []*topup.Topup
	flush := func() error {
		wanted, err := keep(part)
		for i := 0; err == nil && i < len(part); i++ {
			if wanted[i] {
				err = add(part[i])
			}
		}
		part = part[:0]
		return err
	}
	err := Read(ctx, s, m.Provider, m.Date, func(t *topup.Topup) error {
		if part = append(part, t); len(part) < keepRows {
			return nil
		}
		return flush()
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return flush()
}

type counter struct{ n int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}

// ErrDamaged means that a file is not what its manifest says.
var ErrDamaged = errors.New("archive file is damaged")

// Verify reads a file back and compares it with its manifest. With do, it hands out every row, before it is known
// whether the rest is well.
func Verify(ctx context.Context, s Shelf, m *Manifest, do func(*topup.Topup) error) error {
	packed, lines := sha256.New(), sha256.New()
	rows := int64(0)
	err := read(ctx, s, m.File, packed, func(text []byte) error {
		rows++
		lines.Write(text)
		t, err := parse(text)
		if err != nil || do == nil {
			return err
		}
		return do(t)
	})
	if err != nil {
		return err
	}
	if rows != m.Rows || hex.EncodeToString(packed.Sum(nil)) != m.SHA256 || hex.EncodeToString(lines.Sum(nil)) != m.Lines {
		return fmt.Errorf("%w: %s", ErrDamaged, m.File)
	}
	return nil
}

// ReadManifest reads what is said of a day's file. ErrNotFound.
func ReadManifest(ctx context.Context, s Shelf, p topup.ProviderName, date string) (*Manifest, error) {
	r, err := s.Get(ctx, manifestName(p, date))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	m := &Manifest{}
	if err := json.NewDecoder(io.LimitReader(r, maxLine)).Decode(m); err != nil {
		return nil, fmt.Errorf("decode manifest: %w", err)
	}
	return m, nil
}

// Read calls do for every top-up of a day's file. ErrNotFound.
func Read(ctx context.Context, s Shelf, p topup.ProviderName, date string, do func(*topup.Topup) error) error {
	return read(ctx, s, FileName(p, date), io.Discard, func(text []byte) error {
		t, err := parse(text)
		if err != nil {
			return err
		}
		return do(t)
	})
}

// read calls do for every line; packed gets the file's bytes as they are.
func read(ctx context.Context, s Shelf, name string, packed io.Writer, do func(line []byte) error) error {
	r, err := s.Get(ctx, name)
	if err != nil {
		return err
	}
	defer r.Close()
	z, err := zstd.NewReader(io.TeeReader(r, packed), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("read archive: %w", err)
	}
	defer z.Close()
	in := bufio.NewReaderSize(z, 64<<10)
	for {
		text, err := readLine(in)
		if errors.Is(err, io.EOF) && len(text) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
		}
		if err := do(text); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

func readLine(in *bufio.Reader) ([]byte, error) {
	var text []byte
	for {
		part, err := in.ReadSlice('\n')
		text = append(text, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return text, err
		}
		if len(text) > maxLine {
			return nil, errors.New("a line is too long")
		}
	}
}

// errFound ends a search.
var errFound = errors.New("found")

// Find reads one top-up that was made on a UTC day: its provider's day is that one or the one before or after.
func Find(ctx context.Context, s Shelf, p topup.ProviderName, day time.Time, id topup.ID) (*topup.Topup, error) {
	wanted := []byte(`"id":"` + string(id) + `"`)
	for _, n := range []int{0, 1, -1} {
		var found *topup.Topup
		err := read(ctx, s, FileName(p, day.UTC().AddDate(0, 0, n).Format(time.DateOnly)), io.Discard, func(text []byte) error {
			if !bytes.Contains(text[:min(len(text), 200)], wanted) {
				return nil
			}
			t, err := parse(text)
			if err != nil {
				return err
			}
			found = t
			return errFound
		})
		if found != nil {
			return found, nil
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
	}
	return nil, topup.ErrNotFound
}

// Library is a shelf as the intake asks it.
type Library struct{ Shelf Shelf }

// Find is Find on the shelf.
func (l Library) Find(ctx context.Context, p topup.ProviderName, day time.Time, id topup.ID) (*topup.Topup, error) {
	return Find(ctx, l.Shelf, p, day, id)
}

// Each is Read on the shelf; a day without a file has no top-ups.
func (l Library) Each(ctx context.Context, p topup.ProviderName, date string, do func(*topup.Topup) error) error {
	if err := Read(ctx, l.Shelf, p, date, do); !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}
