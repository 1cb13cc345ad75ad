package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// ErrNotFound means that there is no such file.
var ErrNotFound = errors.New("not in the archive")

// Shelf is where files are kept. Names are slash-separated paths.
type Shelf interface {
	// Put keeps what size bytes of r say under name, in the place of what was there, all of it or nothing.
	Put(ctx context.Context, name string, r io.Reader, size int64) error
	// Get opens a file. ErrNotFound.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
}

// Open returns the shelf at an address: a directory, or s3://bucket/prefix?endpoint=host:port&region=…&tls=false with the
// keys of an account.
func Open(address, accessKey, secretKey string) (Shelf, error) {
	if !strings.HasPrefix(address, "s3://") {
		return OpenDirectory(address)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, errors.New("the archive's address is not s3://bucket/prefix?endpoint=host")
	}
	return OpenS3(S3Config{
		Bucket: u.Host, Prefix: strings.Trim(u.Path, "/"), Endpoint: u.Query().Get("endpoint"), Region: u.Query().Get("region"),
		Plain: u.Query().Get("tls") == "false", AccessKey: accessKey, SecretKey: secretKey,
	})
}

// Directory is a shelf in the file system.
type Directory struct{ root string }

// OpenDirectory makes the directory where it is missing, and tries whether it can be written.
func OpenDirectory(root string) (*Directory, error) {
	if err := os.MkdirAll(root, 0o750); err != nil {
		return nil, fmt.Errorf("make archive directory: %w", err)
	}
	probe, err := os.CreateTemp(root, ".tmp-*")
	if err != nil {
		return nil, fmt.Errorf("write into archive directory: %w", err)
	}
	probe.Close()
	return &Directory{root}, os.Remove(probe.Name())
}

// Put implements Shelf: the file is complete and on the disk before it gets its name.
func (d *Directory) Put(_ context.Context, name string, r io.Reader, size int64) error {
	path := filepath.Join(d.root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("make archive directory: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	n, err := io.Copy(f, r)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // it has no name yet
		return fmt.Errorf("write %s: %w", name, err)
	}
	return syncDirectory(filepath.Dir(path))
}

// syncDirectory makes a new name last.
func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open archive directory: %w", err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("sync archive directory: %w", err)
	}
	return nil
}

// Get implements Shelf.
func (d *Directory) Get(_ context.Context, name string) (io.ReadCloser, error) {
	f, err := os.Open(filepath.Join(d.root, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	return f, nil
}
