package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Network is the wire between the processes and Redis, which can be made slow, dumb or broken.
type Network struct {
	proxy *toxiproxy.Proxy
}

// NewNetwork runs a toxiproxy on a free port of the loopback interface, in front of upstream.
func NewNetwork(upstream string) (*Network, error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	p := toxiproxy.NewProxy(server, "redis", "127.0.0.1:0", upstream)
	if err := p.Start(); err != nil {
		return nil, fmt.Errorf("start toxiproxy: %w", err)
	}
	return &Network{p}, nil
}

// Addr is where the network is entered.
func (n *Network) Addr() string { return n.proxy.Listen }

// Close ends the proxy.
func (n *Network) Close() { n.proxy.Stop() }

// toxic is a fault as toxiproxy takes it.
type toxic struct {
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Stream     string         `json:"stream"`
	Toxicity   float64        `json:"toxicity"`
	Attributes map[string]any `json:"attributes"`
}

func (n *Network) add(t toxic) error {
	t.Name = t.Type + "_" + t.Stream
	text, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode toxic: %w", err)
	}
	if _, err := n.proxy.Toxics.AddToxicJson(strings.NewReader(string(text))); err != nil {
		return fmt.Errorf("add toxic %s: %w", t.Name, err)
	}
	return nil
}

// Slow puts off what comes from Redis by d, give or take a half.
func (n *Network) Slow(d time.Duration) error {
	return n.add(toxic{Type: "latency", Stream: "downstream", Toxicity: 1, Attributes: map[string]any{
		"latency": d.Milliseconds(), "jitter": d.Milliseconds() / 2,
	}})
}

// LoseReplies lets commands reach Redis while nothing comes back.
func (n *Network) LoseReplies() error {
	return n.add(toxic{Type: "timeout", Stream: "downstream", Toxicity: 1, Attributes: map[string]any{"timeout": 0}})
}

// Blackhole lets nothing through in either direction, without breaking connections.
func (n *Network) Blackhole() error {
	if err := n.LoseReplies(); err != nil {
		return err
	}
	return n.add(toxic{Type: "timeout", Stream: "upstream", Toxicity: 1, Attributes: map[string]any{"timeout": 0}})
}

// Reset breaks the given share of the connections as they are used.
func (n *Network) Reset(share float64) error {
	return n.add(toxic{Type: "reset_peer", Stream: "downstream", Toxicity: share, Attributes: map[string]any{"timeout": 0}})
}

// Heal takes all faults away.
func (n *Network) Heal(ctx context.Context) { n.proxy.Toxics.ResetToxics(ctx) }
