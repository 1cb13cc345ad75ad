package clients

import (
	"context"

	"topupq/clients/aat"
	"topupq/topup"
)

// networkForText is the network of a named voucher whose PIN goes out by SMS, since the text tells what to dial. A PIN
// that is bought for a number is of the number's network, or AAT refuses the voucher; any other is looked for in the
// catalogue. It is no reason not to sell: the zero network where it cannot be found out.
func (a *AAT) networkForText(ctx context.Context, p *aatPurchase) aat.NetworkInfo {
	if p.product.DeliverPIN != topup.DeliverBySMS {
		return aat.NetworkInfo{}
	}
	if p.product.Recharge == topup.RechargePinned {
		network, err := a.client.GetNetwork(ctx, p.number)
		if err != nil {
			return aat.NetworkInfo{}
		}
		return network
	}
	networks, err := a.client.GetNetworkList(ctx)
	if err != nil {
		return aat.NetworkInfo{}
	}
	for _, network := range networks {
		shelf, err := a.catalogue.of(ctx, network, false)
		if err != nil {
			continue
		}
		if _, found := shelf.byID(int(p.product.VoucherID)); found {
			return network
		}
	}
	return aat.NetworkInfo{}
}
