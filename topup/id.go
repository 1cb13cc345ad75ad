package topup

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"regexp"
	"strings"
)

// ID names one top-up: the first 20 characters of lower-case base32 of SHA-256(merchant ID, 0x00, reference).
// It is also the reference that every provider gets (customIdentifier, clientRef, partner_request_id), so it
// survives the loss of our own store: the same merchant and reference always give the same ID.
type ID string

// MerchantID names a merchant, "mer" and ten characters of lower-case base32.
type MerchantID string

// BatchID names a batch, "bat" and thirteen characters of lower-case base32.
type BatchID string

// IDLength is the length of an ID in characters: 100 bits of the digest.
const IDLength = 20

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewID derives the ID of a merchant's reference. It never fails and never changes.
func NewID(merchant MerchantID, reference string) ID {
	h := sha256.New()
	h.Write([]byte(merchant))
	h.Write([]byte{0})
	h.Write([]byte(reference))
	return ID(lowerBase32.EncodeToString(h.Sum(nil))[:IDLength])
}

// Valid reports whether id has the form that NewID gives.
func (id ID) Valid() bool {
	return len(id) == IDLength && strings.Trim(string(id), "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// NewMerchantID returns a random merchant ID (50 random bits).
func NewMerchantID() MerchantID { return MerchantID("mer" + randomBase32(10)) }

// NewBatchID returns a random batch ID (65 random bits).
func NewBatchID() BatchID { return BatchID("bat" + randomBase32(13)) }

// NewLookupID returns a random lookup ID (80 random bits).
func NewLookupID() string { return "lkp" + randomBase32(16) }

func randomBase32(n int) string {
	b := make([]byte, n)
	rand.Read(b) // crypto/rand never returns an error since Go 1.24
	return lowerBase32.EncodeToString(b)[:n]
}

var referencePattern = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

// ValidReference reports whether s may be a merchant's reference: 1 to 64 of [A-Za-z0-9._:-].
func ValidReference(s string) bool { return referencePattern.MatchString(s) }
