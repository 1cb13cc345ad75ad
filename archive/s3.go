package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3Config says which bucket of which store is used. Bucket, AccessKey and SecretKey are required.
type S3Config struct {
	Bucket, Prefix string
	// Endpoint is host or host:port, without a scheme. Default s3.amazonaws.com.
	Endpoint string
	// Region is the bucket's; empty asks the store for it.
	Region               string
	AccessKey, SecretKey string
	// Plain speaks http, for a store on the same machine.
	Plain bool
}

const (
	defaultEndpoint = "s3.amazonaws.com"
	s3Timeout       = 5 * time.Minute
)

// S3 is a shelf in a bucket.
type S3 struct {
	client         *minio.Client
	bucket, prefix string
}

// OpenS3 makes no call: whether the bucket can be used shows at the first one.
func OpenS3(cfg S3Config) (*S3, error) {
	if cfg.Bucket == "" || cfg.AccessKey == "" || cfg.SecretKey == "" {
		return nil, errors.New("archive in S3: bucket, access key and secret key are required")
	}
	if cfg.Endpoint == "" {
		cfg.Endpoint = defaultEndpoint
	}
	client, err := minio.New(cfg.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, ""), Secure: !cfg.Plain, Region: cfg.Region,
	})
	if err != nil {
		return nil, errors.New("archive in S3: the endpoint is not host or host:port")
	}
	return &S3{client, cfg.Bucket, cfg.Prefix}, nil
}

// Put implements Shelf.
func (s *S3) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	ctx, cancel := context.WithTimeout(ctx, s3Timeout)
	defer cancel()
	_, err := s.client.PutObject(ctx, s.bucket, path.Join(s.prefix, name), r, size, minio.PutObjectOptions{ContentType: "application/octet-stream"})
	if err != nil {
		return fmt.Errorf("put %s into the archive: %w", name, s3Error(err))
	}
	return nil
}

// Get implements Shelf.
func (s *S3) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	ctx, cancel := context.WithTimeout(ctx, s3Timeout)
	o, err := s.client.GetObject(ctx, s.bucket, path.Join(s.prefix, name), minio.GetObjectOptions{})
	if err == nil {
		_, err = o.Stat()
	}
	if err != nil {
		cancel()
		if resp := minio.ToErrorResponse(err); resp.StatusCode == http.StatusNotFound {
			return nil, fmt.Errorf("%s: %w", name, ErrNotFound)
		}
		return nil, fmt.Errorf("get %s from the archive: %w", name, s3Error(err))
	}
	return &s3Reader{o, cancel}, nil
}

// s3Reader ends its call with Close.
type s3Reader struct {
	*minio.Object
	cancel context.CancelFunc
}

// Close ends the reading.
func (r *s3Reader) Close() error {
	defer r.cancel()
	return r.Object.Close()
}

// s3Error keeps what the store says, without addresses and keys.
func s3Error(err error) error {
	if resp := minio.ToErrorResponse(err); resp.Code != "" {
		return fmt.Errorf("%s (status %d)", resp.Code, resp.StatusCode)
	}
	return errors.New("the store cannot be reached")
}
