// Command benchweb is a small web service for clients/bench_web.mjs: benchweb none|buffer|otlp PORT OTLP_URL
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"

	sigynbuffer "github.com/sigyn-tracing/sigyn/clients/go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

func main() {
	mode, port, otlp := os.Args[1], os.Args[2], os.Args[3]
	buf := sigynbuffer.New(sigynbuffer.DefaultBytes)
	var provider trace.TracerProvider = noop.NewTracerProvider()
	switch mode {
	case "buffer":
		provider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(buf.Processor()))
	case "otlp":
		exporter, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(otlp))
		if err != nil {
			panic(err)
		}
		provider = sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
	}
	tracer := provider.Tracer("web")
	http.Handle("/debug/spans", buf)
	http.HandleFunc("/", func(writer http.ResponseWriter, request *http.Request) {
		ctx, span := tracer.Start(request.Context(), "GET /cart/{id}", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String("http.request.method", "GET"),
			attribute.String("http.route", "/cart/{id}"),
			attribute.String("url.path", request.URL.Path)))
		for number := range 4 {
			_, query := tracer.Start(ctx, "SELECT cart", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
				attribute.String("db.system.name", "postgresql"),
				attribute.String("db.query.text", "SELECT * FROM cart WHERE id = $1"),
				attribute.Int("n", number)))
			query.End()
		}
		span.SetAttributes(attribute.Int("http.response.status_code", 200))
		span.End()
		_, _ = writer.Write([]byte("ok"))
	})
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	panic(http.Serve(listener, nil))
}
