package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"topupq/topup"
)

// Member is one event of several that are posted together: its webhook-id, and its body in the standard format.
type Member struct {
	ID   string
	Body []byte
}

// groupType is the "type" of a body that holds several events.
const groupType = "events"

// GroupBody returns the body that holds several events at once, each with its own id, and the webhook-id of the whole:
// the same for the same members in the same order. Since members can be grouped otherwise the next time, a receiver tells
// repeats by the ids inside.
func GroupBody(members []Member) (id string, body []byte, err error) {
	type said struct {
		ID        string          `json:"id"`
		Type      topup.EventType `json:"type"`
		Timestamp json.RawMessage `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}
	events := make([]said, len(members))
	sum := sha256.New()
	for i, m := range members {
		if err := json.Unmarshal(m.Body, &events[i]); err != nil {
			return "", nil, fmt.Errorf("read event: %w", err)
		}
		events[i].ID = m.ID
		sum.Write([]byte(m.ID + "\n"))
	}
	body, err = encode(struct {
		Type   string `json:"type"`
		Events []said `json:"events"`
	}{groupType, events})
	return "msgs_" + hex.EncodeToString(sum.Sum(nil)[:16]), body, err
}
