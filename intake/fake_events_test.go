package intake_test

import (
	"context"

	"topupq/topup"
)

// EventsAfter is a feed of the top-ups' callbacks, in the order in which the top-ups were made.
func (f *fakeStore) EventsAfter(_ context.Context, m topup.MerchantID, after int64, limit int) (topup.EventPage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	page := topup.EventPage{First: 1}
	if err, _ := f.begin("EventsAfter"); err != nil {
		return page, err
	}
	for _, id := range f.order {
		t := f.topups[id]
		if t.Merchant != m {
			continue
		}
		for _, cb := range t.Callbacks {
			page.Last++
			if page.Last > after && len(page.Events) < limit {
				page.Events = append(page.Events, topup.Event{Sequence: page.Last, Subject: string(id), Version: cb.Version, Type: cb.Type, At: t.UpdatedAt})
			}
		}
	}
	return page, nil
}

func (f *fakeStore) PublishEvents(context.Context, int) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err, _ := f.begin("PublishEvents")
	return 0, err
}

func (f *fakeStore) PutRedelivery(_ context.Context, r *topup.Redelivery) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err, _ := f.begin("PutRedelivery"); err != nil {
		return err
	}
	c := *r
	f.orders[r.ID] = &c
	return nil
}

func (f *fakeStore) GetRedelivery(_ context.Context, id string) (*topup.Redelivery, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err, _ := f.begin("GetRedelivery"); err != nil {
		return nil, err
	}
	r, ok := f.orders[id]
	if !ok {
		return nil, topup.ErrNotFound
	}
	c := *r
	return &c, nil
}
