package main

import (
	"context"

	"topupq/jobs"
	"topupq/topup"
)

// A submit queue is first in, first out, so whatever waits in it delays whoever comes next: it is kept as short as the
// workers' speed allows. The ledger holds the rest, where every merchant has its turn.
const (
	// sendWindow is how many wake-ups wait in a submit queue at most.
	sendWindow = 4000
	// leastWindow is how many may wait where the workers are few.
	leastWindow = 4
	// urgentShare is how many times the rows of batches single top-ups may fill the queue before they stand in line.
	urgentShare = 4
)

// shortest is how many wake-ups may wait at a provider's queue in any case: what its workers take up in a quarter of a call.
func (p *providers) shortest(name topup.ProviderName) int {
	return max(p.limits[name].Concurrency/4, leastWindow)
}

// window is how many wake-ups of a priority a provider's submit queue takes at the moment.
func (n *node) window(p *providers) func(context.Context, topup.ProviderName, topup.Priority) int {
	return func(ctx context.Context, name topup.ProviderName, u topup.Priority) int {
		waiting, err := n.bell.Waiting(ctx, jobs.SubmitQueue(name))
		if err != nil {
			return 0
		}
		most := p.shortest(name)
		if u != topup.PriorityBulk {
			most *= urgentShare
		}
		return most - waiting
	}
}
