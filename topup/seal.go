package topup

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Keyring seals secrets at rest (voucher PINs, webhook secrets) with AES-256-GCM. A sealed text names the key
// that sealed it, so that keys can be rotated: the first writes, all of them read. The zero Keyring has no key.
type Keyring struct {
	write string
	keys  map[string]cipher.AEAD
}

// ErrNoKey means that a sealed text names a key that the keyring does not have, or that there is no key at all.
var ErrNoKey = errors.New("no such encryption key")

// ParseKeyring reads "base64 of 32 bytes", or "id:base64" comma separated, the first one writing. Empty text is
// the zero Keyring. Its errors never show the keys.
func ParseKeyring(text string) (Keyring, error) {
	ring := Keyring{keys: map[string]cipher.AEAD{}}
	if strings.TrimSpace(text) == "" {
		return Keyring{}, nil
	}
	for i, part := range strings.Split(text, ",") {
		id, encoded, named := strings.Cut(strings.TrimSpace(part), ":")
		if !named {
			id, encoded = "0", id
		}
		key, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(key) != 32 {
			return Keyring{}, fmt.Errorf("encryption key number %d: want base64 of 32 bytes (openssl rand -base64 32)", i+1)
		}
		if _, twice := ring.keys[id]; twice || id == "" || len(id) > 32 {
			return Keyring{}, fmt.Errorf("encryption key number %d: its id must be unique, 1 to 32 characters", i+1)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return Keyring{}, fmt.Errorf("encryption key number %d: %w", i+1, err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return Keyring{}, fmt.Errorf("encryption key number %d: %w", i+1, err)
		}
		ring.keys[id] = aead
		if i == 0 {
			ring.write = id
		}
	}
	return ring, nil
}

// CanSeal reports whether the keyring has a key.
func (k Keyring) CanSeal() bool { return len(k.keys) > 0 }

// Seal encrypts s for the record named by owner; only that owner can Open it again. ErrNoKey without a key.
func (k Keyring) Seal(s Secret, owner string) ([]byte, error) {
	aead, ok := k.keys[k.write]
	if !ok {
		return nil, ErrNoKey
	}
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce)
	head := append([]byte{byte(len(k.write))}, k.write...)
	return aead.Seal(append(head, nonce...), nonce, []byte(s), []byte(owner)), nil
}

// Open decrypts what Seal made for the same owner. ErrNoKey when its key is not in the ring; another error when
// the text was changed or belongs to somebody else.
func (k Keyring) Open(sealed []byte, owner string) (Secret, error) {
	if len(sealed) < 1 || len(sealed) < 1+int(sealed[0]) {
		return "", errors.New("open sealed text: too short")
	}
	n := 1 + int(sealed[0])
	aead, ok := k.keys[string(sealed[1:n])]
	if !ok {
		return "", ErrNoKey
	}
	if len(sealed) < n+aead.NonceSize() {
		return "", errors.New("open sealed text: too short")
	}
	nonce, text := sealed[n:n+aead.NonceSize()], sealed[n+aead.NonceSize():]
	plain, err := aead.Open(nil, nonce, text, []byte(owner))
	if err != nil {
		return "", errors.New("open sealed text: it was changed, or sealed for another record")
	}
	return Secret(plain), nil
}
