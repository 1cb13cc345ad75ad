package intake

import (
	"encoding/json"
	"hash/maphash"

	"topupq/topup"
)

// maxSeen bounds the references that a validation remembers, so that it stays in constant memory: repeats further
// apart than this are not noticed before the rows are really sent.
const maxSeen = 200_000

// seenRows finds references that a file has twice while nothing of it is written.
type seenRows struct {
	seed  maphash.Seed
	known map[topup.ID]uint64
}

// repeats counts a row whose reference came before and reports whether it did.
func (s *seenRows) repeats(ch *chunk, cand candidate) bool {
	if s.known == nil {
		s.seed, s.known = maphash.MakeSeed(), map[topup.ID]uint64{}
	}
	content := s.fingerprint(cand.topup)
	before, there := s.known[cand.topup.ID]
	switch {
	case there && before == content:
		ch.rows++
		ch.result.duplicates++
		ch.result.tell(verdict{Line: cand.topup.Line, Reference: cand.topup.Reference, Verdict: verdictDuplicate, ID: cand.topup.ID})
	case there:
		ch.reject(conflictRow(cand.topup))
	case len(s.known) < maxSeen:
		s.known[cand.topup.ID] = content
	}
	return there
}

// fingerprint is a number that is the same for the same content.
func (s *seenRows) fingerprint(t *topup.Topup) uint64 {
	text, err := json.Marshal([]any{t.Recipient.E164(), t.Amount.Micros(), t.Amount.Currency, t.Provider, t.Product, t.Metadata})
	if err != nil { // none of these types can fail
		return 0
	}
	return maphash.Bytes(s.seed, text)
}
