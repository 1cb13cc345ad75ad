package bulksms

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrWebhook is wrapped by every error of ParseWebhook.
var ErrWebhook = errors.New("not a BulkSMS webhook")

// ParseWebhook reads the body that BulkSMS posts to a webhook: a list of messages, empty when the webhook is being set
// up. The calls are not signed and come twice and out of order: never move a message back from a Final status, answer
// 2xx for messages that nobody knows (a 4xx drops the report for good), and 5xx only where a repeat would help. An entry
// without id or status, or of another form, is left out: it must not take the others with it.
func ParseWebhook(body []byte) ([]Message, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("%w: not a list of messages", ErrWebhook)
	}
	if list == nil {
		return nil, fmt.Errorf("%w: null", ErrWebhook)
	}
	messages := make([]Message, 0, len(list))
	for _, raw := range list {
		var m Message
		if json.Unmarshal(raw, &m) == nil && m.ID != "" && m.Status.Type != "" {
			messages = append(messages, m)
		}
	}
	if len(list) > 0 && len(messages) == 0 {
		return nil, fmt.Errorf("%w: no message with id and status", ErrWebhook)
	}
	return messages, nil
}
