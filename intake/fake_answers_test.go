package intake_test

import (
	"context"
	"errors"
	"time"

	"topupq/topup"
)

func (f *fakeStore) PutLookups(ctx context.Context, ls []*topup.Lookup, ttl time.Duration) error {
	for _, l := range ls {
		if err := f.PutLookup(ctx, l, ttl); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeStore) GetLookups(ctx context.Context, ids []string) ([]*topup.Lookup, error) {
	out := make([]*topup.Lookup, len(ids))
	for i, id := range ids {
		l, err := f.GetLookup(ctx, id)
		if err != nil && !errors.Is(err, topup.ErrNotFound) {
			return nil, err
		}
		out[i] = l
	}
	return out, nil
}

func (f *fakeStore) PutLookupBatch(_ context.Context, b *topup.LookupBatch, _ time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err, _ := f.begin("PutLookupBatch")
	c := *b
	f.bulks[b.ID] = &c
	return err
}

func (f *fakeStore) GetLookupBatch(_ context.Context, id string) (*topup.LookupBatch, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err, _ := f.begin("GetLookupBatch"); err != nil {
		return nil, err
	}
	b, ok := f.bulks[id]
	if !ok {
		return nil, topup.ErrNotFound
	}
	return b, nil
}

func (f *fakeStore) TopupByTransaction(_ context.Context, p topup.ProviderName, transaction string) (topup.ID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err, _ := f.begin("TopupByTransaction"); err != nil {
		return "", err
	}
	id, ok := f.byNumber[string(p)+transaction]
	if !ok {
		return "", topup.ErrNotFound
	}
	return id, nil
}

func (f *fakeStore) FirstSeen(_ context.Context, what string, _ time.Duration) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err, _ := f.begin("FirstSeen")
	before := f.seen[what]
	f.seen[what] = true
	return !before, err
}

func (f *fakeStore) NoteProviderCallback(_ context.Context, n topup.ProviderCallback) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err, _ := f.begin("NoteProviderCallback")
	f.notes = append(f.notes, n)
	return err
}

func (f *fakeStore) NoteSMSReport(_ context.Context, r topup.SMSReport) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err, _ := f.begin("NoteSMSReport")
	before := f.reports[r.Topup]
	f.reports[r.Topup] = r
	return before.Status != r.Status, err
}
