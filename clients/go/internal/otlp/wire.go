// Package otlp encodes finished spans as opentelemetry.proto.trace.v1, once, when they end. Field order and
// cutting are those of the Rust buffer; clients/vectors holds the bytes.
package otlp

import (
	"encoding/binary"
	"math"
	"math/bits"
	"unicode/utf8"
)

const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// AppendVarint appends 1 to 10 bytes.
func AppendVarint(out []byte, value uint64) []byte {
	return binary.AppendUvarint(out, value)
}

func varintBytes(value uint64) int {
	return (bits.Len64(value|1) + 6) / 7
}

func appendTag(out []byte, field, wire int) []byte {
	return binary.AppendUvarint(out, uint64(field<<3|wire))
}

// AppendBytes appends a string, bytes or message field.
func AppendBytes(out []byte, field int, content []byte) []byte {
	out = AppendVarint(appendTag(out, field, wireBytes), uint64(len(content)))
	return append(out, content...)
}

func appendText(out []byte, field int, text string) []byte {
	if !utf8.ValidString(text) {
		text = string([]rune(text))
	}
	out = AppendVarint(appendTag(out, field, wireBytes), uint64(len(text)))
	return append(out, text...)
}

func appendTextUnlessEmpty(out []byte, field int, text string) []byte {
	if text == "" {
		return out
	}
	return appendText(out, field, text)
}

func appendUint(out []byte, field int, value uint64) []byte {
	return AppendVarint(appendTag(out, field, wireVarint), value)
}

func appendUintUnlessZero(out []byte, field int, value uint64) []byte {
	if value == 0 {
		return out
	}
	return appendUint(out, field, value)
}

func appendFixed64(out []byte, field int, value uint64) []byte {
	return binary.LittleEndian.AppendUint64(appendTag(out, field, wireFixed64), value)
}

func appendDouble(out []byte, field int, value float64) []byte {
	return appendFixed64(out, field, math.Float64bits(value))
}

func appendFixed32(out []byte, field int, value uint32) []byte {
	return binary.LittleEndian.AppendUint32(appendTag(out, field, wireFixed32), value)
}

// begin opens a message whose length is not known yet; one byte is kept for it.
func begin(out []byte, field int) ([]byte, int) {
	out = append(appendTag(out, field, wireBytes), 0)
	return out, len(out)
}

// finish writes the length in front of what came since begin, moving it if one byte is not enough.
func finish(out []byte, at int) []byte {
	size := len(out) - at
	if size < 0x80 {
		out[at-1] = byte(size)
		return out
	}
	var prefix [binary.MaxVarintLen64]byte
	count := binary.PutUvarint(prefix[:], uint64(size))
	out = append(out, prefix[:count-1]...)
	copy(out[at-1+count:], out[at:at+size])
	copy(out[at-1:], prefix[:count])
	return out
}

// Field is one field of a message that was encoded before.
type Field struct {
	Number  int
	Value   uint64 // of a varint
	Content []byte // of a bytes field
	Whole   []byte // tag and value as they stand
}

// Fields calls visit for each field; it ends early at anything that is not one.
func Fields(message []byte, visit func(Field)) {
	for rest := message; len(rest) > 0; {
		start := rest
		tag, count := binary.Uvarint(rest)
		if count <= 0 {
			return
		}
		rest = rest[count:]
		field, size := Field{Number: int(tag >> 3)}, 0
		switch tag & 7 {
		case wireVarint:
			field.Value, size = binary.Uvarint(rest)
		case wireFixed64:
			size = 8
		case wireFixed32:
			size = 4
		case wireBytes:
			length, prefix := binary.Uvarint(rest)
			if prefix <= 0 || length > uint64(len(rest)-prefix) {
				return
			}
			size = prefix + int(length)
			field.Content = rest[prefix:size]
		}
		if size <= 0 || size > len(rest) {
			return
		}
		rest = rest[size:]
		field.Whole = start[:len(start)-len(rest)]
		visit(field)
	}
}

// cutUTF8 gives the longest beginning of at most bytesMax bytes that ends between characters.
func cutUTF8(content []byte, bytesMax int) []byte {
	if len(content) <= bytesMax {
		return content
	}
	end := bytesMax
	for end > 0 && !utf8.RuneStart(content[end]) {
		end--
	}
	return content[:end]
}
