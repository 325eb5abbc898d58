// Package opentracing is an OpenTracing tracer (opentracing-go 1.2) whose finished spans can be read from a span
// buffer:
//
//	buf := sigynbuffer.New(16 << 20)
//	opentracing.SetGlobalTracer(sigyn.NewTracer("cart", buf))
//	http.Handle("/debug/spans", buf)
package opentracing

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	ot "github.com/opentracing/opentracing-go"
	sigynbuffer "github.com/sigyn-tracing/sigyn/clients/go"
	"go.opentelemetry.io/otel/attribute"
)

// Tracer is an opentracing.Tracer over a span buffer.
type Tracer struct {
	buffer      *sigynbuffer.Buffer
	scope       uint16
	tags        map[string]any
	propagation []Format
}

// Option changes what NewTracer leaves at its default.
type Option func(*Tracer)

// WithTags describes the process; tags become resource attributes.
func WithTags(tags map[string]any) Option {
	return func(t *Tracer) { t.tags = tags }
}

// WithPropagation says which trace contexts are written; all by default, so that a neighbour on an old tracer
// stays in the trace. All are understood in any case.
func WithPropagation(formats ...Format) Option {
	return func(t *Tracer) { t.propagation = formats }
}

// NewTracer makes a tracer for one service; its finished spans go to the buffer.
func NewTracer(name string, buffer *sigynbuffer.Buffer, options ...Option) *Tracer {
	tracer := &Tracer{buffer: buffer, propagation: []Format{W3C, Jaeger, B3}}
	for _, option := range options {
		option(tracer)
	}
	resource := []attribute.KeyValue{attribute.String("service.name", name)}
	for _, key := range slices.Sorted(maps.Keys(tracer.tags)) {
		resource = append(resource, keyValue(key, tracer.tags[key]))
	}
	buffer.SetResource(resource, "")
	tracer.scope = buffer.Scope("opentracing", "", "", nil)
	return tracer
}

// SpanContext is what of a span crosses process boundaries. It is immutable.
type SpanContext struct {
	TraceID    [16]byte
	SpanID     [8]byte
	Flags      byte // 1 sampled, 2 debug
	TraceState string
	remote     bool
	baggage    map[string]string
}

const (
	sampled = 1
	debug   = 2
)

// ForeachBaggageItem calls the handler for each item until it returns false.
func (c SpanContext) ForeachBaggageItem(handler func(key, value string) bool) {
	for key, value := range c.baggage {
		if !handler(key, value) {
			return
		}
	}
}

// IsSampled says what the trace was told at its root.
func (c SpanContext) IsSampled() bool { return c.Flags&sampled != 0 }

func (c SpanContext) isSpan() bool { return c.TraceID != [16]byte{} }

// Exemplar gives the labels of the context's active span, for client_golang; nil outside of spans.
func Exemplar(ctx context.Context) map[string]string {
	span := ot.SpanFromContext(ctx)
	if span == nil {
		return nil
	}
	own, ok := span.Context().(SpanContext)
	if !ok {
		return nil
	}
	return map[string]string{"trace_id": hex.EncodeToString(own.TraceID[:]), "span_id": hex.EncodeToString(own.SpanID[:])}
}

type reference struct {
	kind    string
	context SpanContext
}

// StartSpan implements opentracing.Tracer.
func (t *Tracer) StartSpan(operationName string, options ...ot.StartSpanOption) ot.Span {
	var given ot.StartSpanOptions
	for _, option := range options {
		option.Apply(&given)
	}
	var references []reference
	for _, each := range given.References {
		context, ok := each.ReferencedContext.(SpanContext)
		if !ok {
			continue
		}
		switch each.Type {
		case ot.ChildOfRef:
			references = append(references, reference{"child_of", context})
		case ot.FollowsFromRef:
			references = append(references, reference{"follows_from", context})
		}
	}
	parent, links := chooseParent(references)
	own := SpanContext{Flags: sampled, baggage: map[string]string{}}
	for index := range references {
		maps.Copy(own.baggage, references[len(references)-1-index].context.baggage)
	}
	if parent == nil {
		binary.BigEndian.PutUint64(own.TraceID[:8], rand.Uint64())
		binary.BigEndian.PutUint64(own.TraceID[8:], rand.Uint64()|1) // never all zeros
	} else {
		own.TraceID, own.Flags, own.TraceState = parent.TraceID, parent.Flags, parent.TraceState
	}
	binary.BigEndian.PutUint64(own.SpanID[:], max(rand.Uint64(), 1))
	span := &Span{tracer: t, context: own, operationName: operationName, parent: parent, links: links, start: given.StartTime}
	if span.start.IsZero() {
		span.start = time.Now()
	}
	for _, key := range slices.Sorted(maps.Keys(given.Tags)) {
		span.SetTag(key, given.Tags[key])
	}
	return span
}

// chooseParent takes the first CHILD_OF, else the first FOLLOWS_FROM. The others are links; so is a parent that is
// only followed, because that is more than being its child says. Baggage that came without a span names none.
func chooseParent(references []reference) (*SpanContext, []reference) {
	real := slices.DeleteFunc(slices.Clone(references), func(each reference) bool { return !each.context.isSpan() })
	for index, each := range real {
		if each.kind == "child_of" {
			return &each.context, slices.Delete(real, index, index+1)
		}
	}
	if len(real) == 0 {
		return nil, nil
	}
	return &real[0].context, real
}

// Inject implements opentracing.Tracer.
func (t *Tracer) Inject(context ot.SpanContext, format, carrier any) error {
	own, ok := context.(SpanContext)
	if !ok {
		return ot.ErrInvalidSpanContext
	}
	switch format {
	case ot.TextMap, ot.HTTPHeaders:
		writer, ok := carrier.(ot.TextMapWriter)
		if !ok {
			return ot.ErrInvalidCarrier
		}
		inject(own, writer, t.propagation, format == ot.HTTPHeaders)
		return nil
	case ot.Binary:
		writer, ok := carrier.(io.Writer)
		if !ok {
			return ot.ErrInvalidCarrier
		}
		if _, err := writer.Write(injectBinary(own)); err != nil {
			return fmt.Errorf("the carrier did not take the context: %w", err)
		}
		return nil
	}
	return ot.ErrUnsupportedFormat
}

// Extract implements opentracing.Tracer.
func (t *Tracer) Extract(format, carrier any) (ot.SpanContext, error) {
	switch format {
	case ot.TextMap, ot.HTTPHeaders:
		reader, ok := carrier.(ot.TextMapReader)
		if !ok {
			return nil, ot.ErrInvalidCarrier
		}
		return extract(reader)
	case ot.Binary:
		reader, ok := carrier.(io.Reader)
		if !ok {
			return nil, ot.ErrInvalidCarrier
		}
		return extractBinary(reader)
	}
	return nil, ot.ErrUnsupportedFormat
}
