package reloadlysim

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// reportZone is the clock that startDate and endDate are read on, as measured in the sandbox.
var reportZone = time.FixedZone("UTC-4", -4*3600)

// topupStatus is getTopupStatus: the envelope, without a transaction while processing and after a failure.
func (s *Sim) topupStatus(c *call) reply {
	o := s.visibleOrder(c)
	if o == nil {
		return refuse(c, http.StatusNotFound, "TRANSACTION_NOT_FOUND", "Transaction not found for given id")
	}
	status := o.shown(c.now)
	envelope := fields{"code": nil, "message": nil, "status": status, "transaction": nil}
	switch status {
	case successful:
		t := s.show(c, o, status)
		envelope["transaction"], envelope["status"] = t, t["status"]
	case refunded:
		delete(envelope, "code")
		envelope["message"] = "The transaction failed due to an outage and / or connection issue with the operator"
	case failed:
		envelope["code"], envelope["message"] = "TRANSACTION_FAILED_ON_OPERATOR", "Transaction failed on operator"
	}
	if status != successful && s.changesStatus(c) {
		envelope["status"] = strangeStatus
	}
	return ok(envelope)
}

// visibleOrder is the order of the path if it can be found yet.
func (s *Sim) visibleOrder(c *call) *order {
	o := s.byID[idIn(c.path)]
	if o == nil {
		return nil
	}
	s.replan(o, false)
	if !o.visible(c.now) {
		return nil
	}
	return o
}

// transaction is getTransactionById.
func (s *Sim) transaction(c *call) reply {
	o := s.visibleOrder(c)
	if o == nil {
		return refuse(c, http.StatusNotFound, "", "Airtime transaction not found")
	}
	return ok(s.show(c, o, o.shown(c.now)))
}

// report is getAllTransactions: oldest first, the identifier compared without case.
func (s *Sim) report(c *call) reply {
	list := s.orders
	if ref := c.query.Get("customIdentifier"); ref != "" {
		list = s.byRef[strings.ToLower(ref)]
	}
	from, to, fits := window(c)
	if !fits {
		return refuse(c, http.StatusBadRequest, "INVALID_INPUT_PROVIDED", "Invalid date")
	}
	rows := []*order{}
	for _, o := range list {
		s.replan(o, false)
		if !o.visible(c.now) || !o.fits(c) || o.at.Before(from) || o.at.After(to) {
			continue
		}
		if s.opt.HideProcessing && o.truth(c.now) == processing {
			continue
		}
		rows = append(rows, o)
	}
	return pageOf(c, rows, 100, 500, func(o *order) any { return s.show(c, o, o.shown(c.now)) })
}

// fits applies the filters other than identifier and time.
func (o *order) fits(c *call) bool {
	country, id, name := c.query.Get("countryCode"), c.query.Get("operatorId"), c.query.Get("operatorName")
	return (country == "" || strings.EqualFold(country, o.country)) &&
		(id == "" || id == strconv.FormatInt(o.op.id, 10)) && (name == "" || strings.EqualFold(name, o.op.name))
}

// window reads startDate and endDate; without them everything fits.
func window(c *call) (from, to time.Time, fits bool) {
	to = c.now.AddDate(100, 0, 0)
	var err error
	if v := c.query.Get("startDate"); v != "" {
		if from, err = time.ParseInLocation(time.DateTime, v, reportZone); err != nil {
			return from, to, false
		}
	}
	if v := c.query.Get("endDate"); v != "" {
		if to, err = time.ParseInLocation(time.DateTime, v, reportZone); err != nil {
			return from, to, false
		}
	}
	return from, to, true
}
