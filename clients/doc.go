// Package clients holds the adapters of the providers: one file per provider turns our order into that provider's
// request and its answer into an outcome. The wire clients underneath (clients/reloadly and its neighbours) know
// nothing about us; this package is the only place where the words of a provider meet the words of the domain.
//
// Every answer is classified as data: the <provider>_status.go tables say, word by word and code by code, what an
// answer proves. What is not listed proves nothing.
package clients
