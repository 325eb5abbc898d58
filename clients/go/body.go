package sigynbuffer

import "github.com/sigyn-tracing/sigyn/clients/go/internal/otlp"

const prefixBytes = 1 + 5

// body is one answer while it grows: spans grouped by scope, never above the limit. A limit too small for the
// Resource, a scope and the rest of one cut-down span is raised to that; otherwise no read would ever go on.
type body struct {
	resource       []byte
	groups         map[uint16]*group
	order          []*group
	roomBytesEmpty int
	roomBytes      int
}

type group struct {
	scope, spans []byte
}

func newBody(resource []byte, bytesMax int) *body {
	rest := otlp.ScopeBytesMax + otlp.SpanLimitBytesMin + 2*prefixBytes
	room := max(bytesMax-len(resource)-prefixBytes, rest)
	return &body{resource: resource, groups: map[uint16]*group{}, roomBytesEmpty: room, roomBytes: room}
}

// offer takes the span if it fits; one that would not fit even an empty body is cut down.
func (b *body) offer(number uint16, scope, span []byte) bool {
	into, scopeBytes := b.groups[number], 0
	if into == nil {
		scopeBytes = prefixBytes + len(scope)
	}
	if whole := scopeBytes + fieldBytes(len(span)); whole > b.roomBytesEmpty {
		limit := b.roomBytes - scopeBytes - prefixBytes
		if limit < otlp.SpanLimitBytesMin {
			return false
		}
		span = otlp.CutSpan(span, limit)
	} else if whole > b.roomBytes {
		return false
	}
	if into == nil {
		into = &group{scope: scope}
		b.groups[number] = into
		b.order = append(b.order, into)
	}
	into.spans = otlp.AppendBytes(into.spans, 2, span)
	b.roomBytes -= scopeBytes + fieldBytes(len(span))
	return true
}

// finish gives one ExportTraceServiceRequest; nothing when there is nothing new.
func (b *body) finish() []byte {
	if len(b.order) == 0 {
		return nil
	}
	size := len(b.resource)
	for _, each := range b.order {
		size += fieldBytes(len(each.scope) + len(each.spans))
	}
	out := make([]byte, 0, size+prefixBytes)
	out = otlp.AppendVarint(append(out, 1<<3|2), uint64(size))
	out = append(out, b.resource...)
	for _, each := range b.order {
		out = otlp.AppendVarint(append(out, 2<<3|2), uint64(len(each.scope)+len(each.spans)))
		out = append(append(out, each.scope...), each.spans...)
	}
	return out
}

func fieldBytes(length int) int {
	bytes := 2 + length
	for rest := length; rest >= 0x80; rest >>= 7 {
		bytes++
	}
	return bytes
}
