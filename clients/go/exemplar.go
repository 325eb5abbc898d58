package sigynbuffer

import (
	"context"

	"go.opentelemetry.io/otel/trace"
)

// Exemplar gives the labels of the active span, for client_golang:
//
//	latency.(prometheus.ExemplarObserver).ObserveWithExemplar(seconds, sigynbuffer.Exemplar(ctx))
//
// It is nil outside of spans. opentracing.Exemplar is the same for OpenTracing.
func Exemplar(ctx context.Context) map[string]string {
	own := trace.SpanContextFromContext(ctx)
	if !own.IsValid() {
		return nil
	}
	return map[string]string{"trace_id": own.TraceID().String(), "span_id": own.SpanID().String()}
}
