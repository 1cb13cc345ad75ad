// Package httpcall makes one HTTP exchange: deadline over the whole of it, capped body, no redirects, no proxy,
// no repeats, and errors without the URL. It answers the one question that money depends on: can the request
// have reached the other side?
package httpcall
