package topup

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// hashLanes is the number of 32-bit numbers in a RowHash.
const hashLanes = 8

// RowHash sums up the closed rows of a batch, whatever their order, so that a merchant can prove that it has all of
// them: the SHA-256 of "reference state" of every row, read as eight big-endian 32-bit numbers, added up number by
// number modulo 2^32. Rows counts them.
type RowHash struct {
	Lanes [hashLanes]uint32 `json:"l"`
	Rows  int64             `json:"n"`
}

// HashRow is the RowHash of one row.
func HashRow(reference string, st State) RowHash {
	sum := sha256.Sum256([]byte(reference + " " + st.String()))
	h := RowHash{Rows: 1}
	for i := range h.Lanes {
		h.Lanes[i] = binary.BigEndian.Uint32(sum[4*i:])
	}
	return h
}

// Add returns the sum of both.
func (h RowHash) Add(o RowHash) RowHash {
	for i := range h.Lanes {
		h.Lanes[i] += o.Lanes[i]
	}
	h.Rows += o.Rows
	return h
}

// Text is the sum as 64 hexadecimal digits.
func (h RowHash) Text() string {
	var b [4 * hashLanes]byte
	for i, lane := range h.Lanes {
		binary.BigEndian.PutUint32(b[4*i:], lane)
	}
	return hex.EncodeToString(b[:])
}

// BatchFinal is how a batch stood when it closed. Rows that turn out otherwise later change the batch and not this.
type BatchFinal struct {
	States    map[State]int64  `json:"st"`
	Succeeded map[string]Money `json:"su"`
	Hash      RowHash          `json:"h"`
}

// AsClosed returns the batch as it was when it closed.
func (b *Batch) AsClosed() *Batch {
	if b.Final == nil {
		return b
	}
	c := *b
	c.States, c.Succeeded, c.Hash = b.Final.States, b.Final.Succeeded, b.Final.Hash
	return &c
}

// statesHash is the text of Hash, nil where it does not cover every closed row: those closed by a version of the
// program that did not add them up.
func (b *Batch) statesHash() *string {
	if b.Hash.Rows != b.Closed() {
		return nil
	}
	text := b.Hash.Text()
	return &text
}
