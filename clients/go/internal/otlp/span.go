package otlp

import (
	"bytes"
	"sort"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
)

// Limits that all buffers share.
const (
	SpanLimitBytesMin = 512
	ScopeBytesMax     = 1 << 10
	resourceBytesMax  = 16 << 10
	textBytesMax      = 256
)

// What the field flags says beside the trace flags: whether the parent (or linked span) is remote.
const (
	RemoteKnown = 0x100
	Remote      = 0x200
)

// KeyValue {key: "sigyn.truncated", value: true}, and room for it and for three counts.
var truncated = []byte("\x0a\x0fsigyn.truncated\x12\x02\x10\x01")

const remarksBytes = 2 + 21 + 3*6

// Span is a finished span, whichever API made it. Times are nanoseconds since 1970.
type Span struct {
	TraceID           [16]byte
	SpanID            [8]byte
	ParentID          [8]byte // zeros for a root
	TraceState        string
	Name              string
	Kind              int // as in OTLP: 1 internal, 2 server, 3 client, 4 producer, 5 consumer
	Start, End        int64
	Code              int // 0 unset, 1 ok, 2 error
	Message           string
	Flags             uint32
	Attributes        []attribute.KeyValue
	AttributesDropped int
	Events            []Event
	EventsDropped     int
	Links             []Link
	LinksDropped      int
}

// Event is a moment within a span.
type Event struct {
	Time       int64
	Name       string
	Attributes []attribute.KeyValue
	Dropped    int
}

// Link points to another span.
type Link struct {
	TraceID    [16]byte
	SpanID     [8]byte
	TraceState string
	Flags      uint32
	Attributes []attribute.KeyValue
	Dropped    int
}

// AppendSpan appends the span in at most limitBytes.
func AppendSpan(out []byte, span *Span, limitBytes int) []byte {
	start := len(out)
	out = AppendBytes(out, 1, span.TraceID[:])
	out = AppendBytes(out, 2, span.SpanID[:])
	out = appendTextUnlessEmpty(out, 3, span.TraceState)
	if span.ParentID != [8]byte{} {
		out = AppendBytes(out, 4, span.ParentID[:])
	}
	out = appendTextUnlessEmpty(out, 5, span.Name)
	out = appendUintUnlessZero(out, 6, uint64(span.Kind))
	out = appendFixed64(out, 7, unixNano(span.Start))
	out = appendFixed64(out, 8, unixNano(span.End))
	if span.Code != 0 || span.Message != "" {
		var at int
		out, at = begin(out, 15)
		out = appendTextUnlessEmpty(out, 2, span.Message)
		out = appendUintUnlessZero(out, 3, uint64(span.Code))
		out = finish(out, at)
	}
	out = appendFixed32(out, 16, span.Flags)
	out = appendAttributes(out, 9, span.Attributes)
	for index := range span.Events {
		out = appendEvent(out, &span.Events[index])
	}
	for index := range span.Links {
		out = appendLink(out, &span.Links[index])
	}
	out = appendUintUnlessZero(out, 10, uint64(span.AttributesDropped))
	out = appendUintUnlessZero(out, 12, uint64(span.EventsDropped))
	out = appendUintUnlessZero(out, 14, uint64(span.LinksDropped))
	if len(out)-start > limitBytes-remarksBytes {
		if cut, isCut := cutSpan(out[start:], limitBytes); isCut {
			out = append(out[:start], cut...)
		}
	}
	return out
}

func appendEvent(out []byte, event *Event) []byte {
	out, at := begin(out, 11)
	out = appendFixed64(out, 1, unixNano(event.Time))
	out = appendTextUnlessEmpty(out, 2, event.Name)
	out = appendAttributes(out, 3, event.Attributes)
	out = appendUintUnlessZero(out, 4, uint64(event.Dropped))
	return finish(out, at)
}

func appendLink(out []byte, link *Link) []byte {
	out, at := begin(out, 13)
	out = AppendBytes(out, 1, link.TraceID[:])
	out = AppendBytes(out, 2, link.SpanID[:])
	out = appendTextUnlessEmpty(out, 3, link.TraceState)
	out = appendAttributes(out, 4, link.Attributes)
	out = appendUintUnlessZero(out, 5, uint64(link.Dropped))
	out = appendFixed32(out, 6, link.Flags)
	return finish(out, at)
}

func unixNano(nanos int64) uint64 {
	return uint64(max(nanos, 0))
}

func appendAttributes(out []byte, field int, attributes []attribute.KeyValue) []byte {
	for index := range attributes {
		out = appendAttribute(out, field, &attributes[index])
	}
	return out
}

// Below this, key and value together, every length of an attribute takes one byte.
const shortAttributeBytes = 0x80 - 16

func appendAttribute(out []byte, field int, pair *attribute.KeyValue) []byte {
	key := string(pair.Key)
	switch pair.Value.Type() {
	case attribute.STRING:
		text := pair.Value.AsString()
		if len(key)+len(text) < shortAttributeBytes && utf8.ValidString(key) && utf8.ValidString(text) {
			out = appendShortKey(out, field, key, 2+len(text))
			return append(append(out, 1<<3|wireBytes, byte(len(text))), text...)
		}
	case attribute.INT64:
		if value := uint64(pair.Value.AsInt64()); len(key) < shortAttributeBytes && utf8.ValidString(key) {
			return AppendVarint(append(appendShortKey(out, field, key, 1+varintBytes(value)), 3<<3), value)
		}
	case attribute.BOOL:
		if len(key) < shortAttributeBytes && utf8.ValidString(key) {
			return appendBool(appendShortKey(out, field, key, 2), pair.Value.AsBool())
		}
	}
	out, at := begin(out, field)
	out = appendText(out, 1, string(pair.Key))
	out, inner := begin(out, 2)
	out = finish(appendValue(out, pair.Value), inner)
	return finish(out, at)
}

// appendShortKey appends everything before the content of a short attribute's value, which takes valueBytes.
func appendShortKey(out []byte, field int, key string, valueBytes int) []byte {
	out = append(out, byte(field<<3|wireBytes), byte(4+len(key)+valueBytes), 1<<3|wireBytes, byte(len(key)))
	return append(append(out, key...), 2<<3|wireBytes, byte(valueBytes))
}

func appendValue(out []byte, value attribute.Value) []byte {
	switch value.Type() {
	case attribute.STRING:
		return appendText(out, 1, value.AsString())
	case attribute.BOOL:
		return appendBool(out, value.AsBool())
	case attribute.INT64:
		return appendUint(out, 3, uint64(value.AsInt64()))
	case attribute.FLOAT64:
		return appendDouble(out, 4, value.AsFloat64())
	case attribute.BYTESLICE:
		return AppendBytes(out, 7, value.AsByteSlice())
	case attribute.EMPTY:
		return out
	case attribute.BOOLSLICE:
		return appendArray(out, value.AsBoolSlice(), appendBool)
	case attribute.INT64SLICE:
		return appendArray(out, value.AsInt64Slice(), func(out []byte, item int64) []byte {
			return appendUint(out, 3, uint64(item))
		})
	case attribute.FLOAT64SLICE:
		return appendArray(out, value.AsFloat64Slice(), func(out []byte, item float64) []byte {
			return appendDouble(out, 4, item)
		})
	case attribute.STRINGSLICE:
		return appendArray(out, value.AsStringSlice(), func(out []byte, item string) []byte {
			return appendText(out, 1, item)
		})
	case attribute.SLICE:
		return appendArray(out, value.AsSlice(), appendValue)
	case attribute.MAP:
		out, at := begin(out, 6)
		return finish(appendAttributes(out, 1, value.AsMap()), at)
	}
	// A kind of value that a later OpenTelemetry may add is kept as its text.
	return appendText(out, 1, value.Emit())
}

func appendBool(out []byte, value bool) []byte {
	if value {
		return appendUint(out, 2, 1)
	}
	return appendUint(out, 2, 0)
}

func appendArray[T any](out []byte, items []T, each func([]byte, T) []byte) []byte {
	out, at := begin(out, 5)
	for _, item := range items {
		var inner int
		out, inner = begin(out, 1)
		out = finish(each(out, item), inner)
	}
	return finish(out, at)
}

// CutSpan gives an encoded span in at most limitBytes (at least 512), marked as cut.
func CutSpan(span []byte, limitBytes int) []byte {
	cut, _ := cutSpan(span, limitBytes)
	return cut
}

func cutSpan(span []byte, limitBytes int) ([]byte, bool) {
	out := make([]byte, 0, limitBytes)
	end := limitBytes - remarksBytes
	var missing [3]uint64 // attributes, events, links
	isCut := false
	keep := func(content []byte, bytesMax int) []byte {
		kept := cutUTF8(content, bytesMax)
		isCut = isCut || len(kept) < len(content)
		return kept
	}
	Fields(span, func(field Field) {
		switch field.Number {
		case 10, 12, 14:
			missing[(field.Number-10)/2] += field.Value
		case 9, 11, 13:
			if bytes.Equal(field.Content, truncated) {
				return // written anew below
			}
			if len(out)+len(field.Whole) > end {
				missing[(field.Number-9)/2]++
				isCut = true
				return
			}
			out = append(out, field.Whole...)
		case 3:
			// Half a trace state would be a wrong one.
			if len(field.Content) > limitBytes/8 {
				isCut = true
				return
			}
			out = append(out, field.Whole...)
		case 5:
			out = AppendBytes(out, 5, keep(field.Content, limitBytes/4))
		case 15:
			var at int
			out, at = begin(out, 15)
			Fields(field.Content, func(inner Field) {
				if inner.Number == 2 {
					out = AppendBytes(out, 2, keep(inner.Content, limitBytes/4))
				} else {
					out = append(out, inner.Whole...)
				}
			})
			out = finish(out, at)
		default:
			out = append(out, field.Whole...)
		}
	})
	out = AppendBytes(out, 9, truncated)
	for index, count := range missing {
		out = appendUintUnlessZero(out, 10+2*index, min(count, 0xffffffff))
	}
	return out, isCut
}

// Scope encodes the fields scope and schema_url of ScopeSpans; the spans follow.
func Scope(name, version, schemaURL string, attributes []attribute.KeyValue) []byte {
	out, at := begin(nil, 1)
	out = appendCut(out, 1, name)
	out = appendCut(out, 2, version)
	out = appendBounded(out, 3, at+ScopeBytesMax-(textBytesMax+3)-16, attributes)
	return appendCut(finish(out, at), 3, schemaURL)
}

// Resource encodes the fields resource and schema_url of ResourceSpans; the scopes follow.
func Resource(attributes []attribute.KeyValue, schemaURL string) []byte {
	sorted := append([]attribute.KeyValue(nil), attributes...)
	sort.SliceStable(sorted, func(one, other int) bool { return sorted[one].Key < sorted[other].Key })
	out, at := begin(nil, 1)
	out = appendBounded(out, 1, at+resourceBytesMax-1024, sorted)
	return appendCut(finish(out, at), 3, schemaURL)
}

func appendCut(out []byte, field int, text string) []byte {
	if text == "" {
		return out
	}
	return AppendBytes(out, field, cutUTF8([]byte(text), textBytesMax))
}

func appendBounded(out []byte, field, end int, attributes []attribute.KeyValue) []byte {
	dropped := 0
	for index := range attributes {
		before := len(out)
		out = appendAttribute(out, field, &attributes[index])
		if len(out) > end {
			out = out[:before]
			dropped++
		}
	}
	return appendUintUnlessZero(out, field+1, uint64(dropped))
}
