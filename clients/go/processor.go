package sigynbuffer

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/sigyn-tracing/sigyn/clients/go/internal/otlp"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Processor is for sdktrace.WithSpanProcessor. It records every span that ends, sampled or record-only: so an
// app can keep all of its spans here and still push one percent elsewhere.
func (b *Buffer) Processor() sdktrace.SpanProcessor {
	return &processor{buffer: b}
}

type processor struct {
	buffer   *Buffer
	resource atomic.Pointer[resource.Resource]
	last     atomic.Pointer[numberedScope]
	scopes   sync.Map // instrumentation.Scope to its number
	known    atomic.Int32
}

// numberedScope is the scope seen last: to compare is much cheaper than to hash.
type numberedScope struct {
	scope  instrumentation.Scope
	number uint16
}

func (*processor) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

func (p *processor) OnEnd(span sdktrace.ReadOnlySpan) {
	if owner := span.Resource(); p.resource.Load() != owner && owner != nil {
		p.resource.Store(owner)
		p.buffer.SetResource(owner.Attributes(), owner.SchemaURL())
	}
	own, parent, status := span.SpanContext(), span.Parent(), span.Status()
	record := otlp.Span{
		TraceID:           own.TraceID(),
		SpanID:            own.SpanID(),
		ParentID:          parent.SpanID(),
		TraceState:        own.TraceState().String(),
		Name:              span.Name(),
		Kind:              kind(span.SpanKind()),
		Start:             span.StartTime().UnixNano(),
		End:               span.EndTime().UnixNano(),
		Code:              code(status.Code),
		Message:           status.Description,
		Flags:             flags(own, parent),
		Attributes:        span.Attributes(),
		AttributesDropped: span.DroppedAttributes(),
		EventsDropped:     span.DroppedEvents(),
		LinksDropped:      span.DroppedLinks(),
	}
	for _, event := range span.Events() {
		record.Events = append(record.Events, otlp.Event{
			Time: event.Time.UnixNano(), Name: event.Name, Attributes: event.Attributes, Dropped: event.DroppedAttributeCount,
		})
	}
	for _, link := range span.Links() {
		other := link.SpanContext
		record.Links = append(record.Links, otlp.Link{
			TraceID: other.TraceID(), SpanID: other.SpanID(), TraceState: other.TraceState().String(),
			Flags: flags(other, other), Attributes: link.Attributes, Dropped: link.DroppedAttributeCount,
		})
	}
	p.buffer.Record(p.scope(span.InstrumentationScope()), &record)
}

// ForceFlush has nothing to do: a span can be read as soon as it has ended.
func (*processor) ForceFlush(context.Context) error { return nil }

// Shutdown marks the buffer as draining. What it holds can still be read.
func (p *processor) Shutdown(context.Context) error {
	p.buffer.StartDraining()
	return nil
}

func (p *processor) scope(scope instrumentation.Scope) uint16 {
	if last := p.last.Load(); last != nil && last.scope == scope {
		return last.number
	}
	if number, ok := p.scopes.Load(scope); ok {
		p.last.Store(&numberedScope{scope, number.(uint16)})
		return number.(uint16)
	}
	number := p.buffer.Scope(scope.Name, scope.Version, scope.SchemaURL, scope.Attributes.ToSlice())
	if p.known.Add(1) <= scopesMax {
		p.scopes.Store(scope, number)
	}
	return number
}

func flags(own, remote trace.SpanContext) uint32 {
	flags := uint32(own.TraceFlags()) | otlp.RemoteKnown
	if remote.IsRemote() {
		flags |= otlp.Remote
	}
	return flags
}

func kind(kind trace.SpanKind) int {
	if kind == trace.SpanKindUnspecified {
		kind = trace.SpanKindInternal
	}
	return int(kind)
}

// code turns OpenTelemetry's numbers for Go (error 1, ok 2) into those of OTLP.
func code(code codes.Code) int {
	switch code {
	case codes.Ok:
		return 1
	case codes.Error:
		return 2
	}
	return 0
}
