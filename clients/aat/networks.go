package aat

import (
	"context"
	"net/url"
)

// NetworkInfo is a mobile network. Ids belong to the account: load them, never hard-code them.
type NetworkInfo struct {
	ID   int    `json:"Id"`
	Name string `json:"Name,omitempty"`
}

func (n *NetworkInfo) read(m *members) {
	n.ID, n.Name = m.integer("Id"), m.text("Name")
}

// GetNetwork returns the network of a number, 27 and nine digits without "+" (guide, operation 1). Whether it
// follows numbers that were ported is not documented. It fails with an *APIError of KindNoNetwork or
// KindInvalidMSISDN, or as described at Reached, StatusError and UndecodableError.
func (c *Client) GetNetwork(ctx context.Context, msisdn string) (NetworkInfo, error) {
	root, err := c.do(ctx, call{op: "GetNetwork", root: "NetworkInfo", params: url.Values{"msisdn": {msisdn}}})
	if err != nil {
		return NetworkInfo{}, err
	}
	var n NetworkInfo
	if err := object(root, root, n.read); err != nil {
		return NetworkInfo{}, err
	}
	return n, nil
}

// GetNetworkList returns the account's networks (guide, operation 2). The guide's example lacks Cell C although the
// guide sells it. An account that is refused gets a list of one entry with an error, here an *APIError of
// KindUnauthorized.
func (c *Client) GetNetworkList(ctx context.Context) ([]NetworkInfo, error) {
	root, err := c.do(ctx, call{op: "GetNetworkList", root: "ArrayOfNetworkInfo"})
	if err != nil {
		return nil, err
	}
	networks := []NetworkInfo{}
	err = list(root, "NetworkInfo", func(m *members) {
		var n NetworkInfo
		n.read(m)
		networks = append(networks, n)
	})
	if err != nil {
		return nil, err
	}
	return networks, nil
}
