package bulksms

import (
	"errors"
	"strings"
)

// maxSinglePart is the length of a text that is sent, and paid for, as one part.
const maxSinglePart = 160

// gsmBasic are the characters of the GSM 03.38 basic set. Characters of its extension table count twice and are not
// allowed here; braces among them would be taken for template fields.
const gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"

// CheckText reports why a text does not arrive as it is written in one part: empty, longer than 160 characters, or with
// a character outside the GSM basic set, which BulkSMS would replace by "?". The error does not repeat the text.
func CheckText(text string) error {
	n := 0
	for _, r := range text {
		if !strings.ContainsRune(gsmBasic, r) {
			return errors.New("text has a character outside the GSM alphabet")
		}
		n++
	}
	if n == 0 || n > maxSinglePart {
		return errors.New("text must have 1 to 160 characters")
	}
	return nil
}
