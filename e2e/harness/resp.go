package harness

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"topupq/topup"
)

// Command is one Redis command on its way: its words, and its bytes as they came.
type Command struct {
	Words [][]byte
	raw   []byte
}

// Name is the command's name in upper case.
func (c Command) Name() string {
	if len(c.Words) == 0 {
		return ""
	}
	return strings.ToUpper(string(c.Words[0]))
}

// Keys are the keys of a script call.
func (c Command) Keys() []string {
	if n := c.Name(); (n != "EVALSHA" && n != "EVAL") || len(c.Words) < 3 {
		return nil
	}
	count, err := strconv.Atoi(string(c.Words[2]))
	if err != nil || count < 0 || len(c.Words) < 3+count {
		return nil
	}
	keys := make([]string, count)
	for i := range keys {
		keys[i] = string(c.Words[3+i])
	}
	return keys
}

// Move is one write of the ledger as seen on the wire.
type Move struct {
	ID       topup.ID
	From, To topup.State
}

// A call of the ledger writes one top-up or several. Each has two keys and one for each effect, and among its arguments first
// what is expected and the new value, then in the sixth place the number of effects, of three arguments each.
const (
	partKeys     = 2
	partArgs     = 6
	effectArgs   = 3
	stateInValue = 1
)

// Moves reads the command as the ledger's writes of top-ups, none where it is something else.
func (c Command) Moves() (moves []Move) {
	keys := c.Keys()
	if len(keys) < partKeys {
		return nil
	}
	args := c.Words[3+len(keys):]
	if len(args) == 0 {
		return nil
	}
	parts, err := strconv.Atoi(string(args[0]))
	args = args[1:]
	for ; err == nil && parts > 0; parts-- {
		if len(keys) < partKeys || len(args) < partArgs || len(args[0]) == 0 || len(args[1]) <= stateInValue {
			return nil
		}
		_, id, record := strings.Cut(keys[0], "}t:")
		effects, err := strconv.Atoi(string(args[partArgs-1]))
		if err != nil || !record || effects < 0 || len(keys) < partKeys+effects || len(args) < partArgs+effectArgs*effects {
			return nil
		}
		moves = append(moves, Move{ID: topup.ID(id), From: topup.State(args[0][0]), To: topup.State(args[1][stateInValue])})
		keys, args = keys[partKeys+effects:], args[partArgs+effectArgs*effects:]
	}
	return moves
}

// Queue is the name of the asynq queue that a script call is about, "" for none.
func (c Command) Queue() string {
	for _, k := range c.Keys() {
		if _, rest, ok := strings.Cut(k, "asynq:{"); ok {
			name, _, _ := strings.Cut(rest, "}")
			return name
		}
	}
	return ""
}

var errProtocol = errors.New("not the Redis protocol")

const maxReplyDepth = 64

// readCommand reads one command: an array of bulk strings.
func readCommand(r *bufio.Reader) (Command, error) {
	line, err := r.ReadBytes('\n')
	if err != nil {
		return Command{}, err
	}
	if line[0] != '*' {
		return Command{}, fmt.Errorf("%w: %q", errProtocol, line)
	}
	n, err := length(line)
	if err != nil {
		return Command{}, err
	}
	c := Command{raw: line}
	for range n {
		head, err := r.ReadBytes('\n')
		if err != nil {
			return c, err
		}
		size, err := length(head)
		if err != nil || size < 0 {
			return c, errProtocol
		}
		body := make([]byte, size+2)
		if _, err := io.ReadFull(r, body); err != nil {
			return c, err
		}
		c.raw = append(append(c.raw, head...), body...)
		c.Words = append(c.Words, body[:size])
	}
	return c, nil
}

// length is the number of a header line such as "$12\r\n".
func length(line []byte) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(string(line[1:])))
	if err != nil {
		return 0, fmt.Errorf("%w: %q", errProtocol, line)
	}
	return n, nil
}

// readReply reads one reply of either protocol version, as bytes. push reports one that answers no command.
func readReply(r *bufio.Reader) (raw []byte, push bool, err error) {
	raw, err = appendReply(nil, r, 0)
	return raw, len(raw) > 0 && raw[0] == '>', err
}

func appendReply(raw []byte, r *bufio.Reader, depth int) ([]byte, error) {
	line, err := r.ReadBytes('\n')
	if err != nil {
		return raw, err
	}
	raw = append(raw, line...)
	if depth > maxReplyDepth {
		return raw, errProtocol
	}
	switch line[0] {
	case '+', '-', ':', '_', ',', '#', '(':
		return raw, nil
	case '$', '!', '=':
		n, err := length(line)
		if err != nil || n < 0 {
			return raw, err
		}
		body := make([]byte, n+2)
		_, err = io.ReadFull(r, body)
		return append(raw, body...), err
	case '*', '~', '>', '%', '|':
		n, err := length(line)
		if err != nil {
			return raw, err
		}
		if line[0] == '%' || line[0] == '|' {
			n *= 2
		}
		for range n {
			if raw, err = appendReply(raw, r, depth+1); err != nil {
				return raw, err
			}
		}
		if line[0] == '|' { // attributes come before the reply itself
			return appendReply(raw, r, depth+1)
		}
		return raw, nil
	default:
		return raw, fmt.Errorf("%w: %q", errProtocol, line)
	}
}
