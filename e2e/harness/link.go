package harness

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// Fate is what Link does with a command and its connection.
type Fate int

// The fates.
const (
	// Pass forwards the command and its reply.
	Pass Fate = iota
	// CutBefore breaks the connection instead of forwarding the command.
	CutBefore
	// CutInside forwards one half of the command and breaks the connection.
	CutInside
	// CutAfter forwards the command, waits for its reply and breaks the connection without delivering it.
	CutAfter
	// Notice forwards the command and delivers its reply, once struck has returned.
	Notice
)

// Judge decides the fate of a command. struck, where not nil, is called when the fate strikes, before the connection
// breaks: for CutAfter and Notice that is when the command has taken effect.
type Judge func(c Command) (fate Fate, struck func())

// Link is a proxy in front of a Redis server that understands the commands.
type Link struct {
	upstream atomic.Pointer[string]
	listener net.Listener
	judge    atomic.Pointer[Judge]
	wg       sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
	done  bool
}

// Links are the links of all nodes.
type Links []*Link

// SetJudge puts every later command to any node before j; nil lets all pass.
func (k Links) SetJudge(j Judge) {
	for _, link := range k {
		link.SetJudge(j)
	}
}

// NewLink listens on a free port of the loopback interface. Connect says where it leads.
func NewLink() (*Link, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the link: %w", err)
	}
	k := &Link{listener: l, conns: map[net.Conn]bool{}}
	k.wg.Go(k.accept)
	return k, nil
}

// Connect has later connections go to upstream; before that they are closed at once.
func (k *Link) Connect(upstream string) { k.upstream.Store(&upstream) }

// Addr is where the link listens.
func (k *Link) Addr() string { return k.listener.Addr().String() }

// SetJudge puts every later command before j; nil lets all pass.
func (k *Link) SetJudge(j Judge) {
	if j == nil {
		k.judge.Store(nil)
		return
	}
	k.judge.Store(&j)
}

// CutAll breaks all connections there are.
func (k *Link) CutAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for c := range k.conns {
		_ = c.Close()
	}
}

// Close ends the link.
func (k *Link) Close() {
	k.mu.Lock()
	k.done = true
	k.mu.Unlock()
	_ = k.listener.Close()
	k.CutAll()
	k.wg.Wait()
}

func (k *Link) accept() {
	for {
		client, err := k.listener.Accept()
		if err != nil {
			return
		}
		k.wg.Go(func() { k.serve(client) })
	}
}

// keep remembers a connection so that it can be broken; false when the link has ended.
func (k *Link) keep(c net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.done {
		_ = c.Close()
		return false
	}
	k.conns[c] = true
	return true
}

func (k *Link) drop(c net.Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.conns, c)
	_ = c.Close()
}

func (k *Link) serve(client net.Conn) {
	if !k.keep(client) {
		return
	}
	defer k.drop(client)
	upstream := k.upstream.Load()
	if upstream == nil {
		return
	}
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", *upstream)
	if err != nil || !k.keep(server) {
		return
	}
	defer k.drop(server)
	c := &conn{link: k, client: client, server: server, pending: make(chan *strike, maxPending)}
	var wg sync.WaitGroup
	wg.Go(func() {
		c.replies()
		_ = client.Close()
		_ = server.Close()
	})
	c.commands()
	_ = server.Close()
	wg.Wait()
}

// maxPending bounds the commands of one connection that wait for their replies.
const maxPending = 1 << 16

// conn is one connection through the link.
type conn struct {
	link           *Link
	client, server net.Conn
	// pending has one entry per command forwarded: nil, or what strikes when its reply comes.
	pending chan *strike
}

// strike is called when a reply has come; cut means that the reply is not delivered.
type strike struct {
	call func()
	cut  bool
}

// commands forwards what the client says.
func (c *conn) commands() {
	defer close(c.pending)
	r := bufio.NewReaderSize(c.client, 64<<10)
	w := bufio.NewWriterSize(c.server, 64<<10)
	for {
		cmd, err := readCommand(r)
		if err != nil {
			return
		}
		if !c.forward(w, cmd) {
			return
		}
		if r.Buffered() == 0 && w.Flush() != nil {
			return
		}
	}
}

// forward deals with one command; false ends the connection.
func (c *conn) forward(w *bufio.Writer, cmd Command) bool {
	fate, struck := Pass, func() {}
	if j := c.link.judge.Load(); j != nil {
		var s func()
		if fate, s = (*j)(cmd); s != nil {
			struck = s
		}
	}
	switch fate {
	case CutBefore:
		_ = w.Flush()
		struck()
		return false
	case CutInside:
		_, _ = w.Write(cmd.raw[:len(cmd.raw)/2])
		_ = w.Flush()
		struck()
		return false
	case CutAfter, Notice:
		c.pending <- &strike{struck, fate == CutAfter}
	default:
		c.pending <- nil
	}
	_, err := w.Write(cmd.raw)
	return err == nil
}

// replies forwards what the server says.
func (c *conn) replies() {
	r := bufio.NewReaderSize(c.server, 64<<10)
	w := bufio.NewWriterSize(c.client, 64<<10)
	for {
		raw, push, err := readReply(r)
		if err != nil {
			_ = w.Flush()
			return
		}
		if !push {
			if s := c.next(); s != nil {
				_ = w.Flush()
				s.call()
				if s.cut {
					return
				}
			}
		}
		if _, err := w.Write(raw); err != nil {
			return
		}
		if r.Buffered() == 0 && w.Flush() != nil {
			return
		}
	}
}

// next is what strikes at the oldest command without a reply; nil where there is none (a subscriber's message).
func (c *conn) next() *strike {
	select {
	case s := <-c.pending:
		return s
	default:
		return nil
	}
}
