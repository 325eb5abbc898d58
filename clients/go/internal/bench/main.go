// Command bench says what a finished span costs its app: this buffer, and OpenTelemetry's batch processor with its
// OTLP/HTTP exporter on the same spans. CPU time of the whole process; the batch processor's queue is large enough
// to lose nothing. It prints one JSON object a line.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	sigynbuffer "github.com/sigyn-tracing/sigyn/clients/go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const (
	spans  = 30_000
	rounds = 7
)

type collect struct{ spans []sdktrace.ReadOnlySpan }

func (*collect) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (c *collect) OnEnd(span sdktrace.ReadOnlySpan)              { c.spans = append(c.spans, span) }
func (*collect) ForceFlush(context.Context) error                { return nil }
func (*collect) Shutdown(context.Context) error                  { return nil }

func cpu() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// cost gives (ns on the ending goroutine, ns of CPU in the process) per span; the best of the rounds.
func cost(ended []sdktrace.ReadOnlySpan, processor sdktrace.SpanProcessor) (float64, float64) {
	bestWall, bestAll := math.Inf(1), math.Inf(1)
	for range rounds {
		runtime.GC()
		before, began := cpu(), time.Now()
		for _, span := range ended {
			processor.OnEnd(span)
		}
		wall := time.Since(began)
		_ = processor.ForceFlush(context.Background())
		if all := float64(cpu()-before) / spans; all < bestAll {
			bestAll, bestWall = all, float64(wall)/spans
		}
	}
	return math.Round(bestWall), math.Round(bestAll)
}

func sink() {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		_, _ = io.Copy(io.Discard, request.Body)
	}))
	fmt.Println(server.Listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func main() {
	if len(os.Args) > 1 {
		sink()
		return
	}
	caught := &collect{}
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(caught)).Tracer("shop-http", trace.WithInstrumentationVersion("1.4.0"))
	for number := range spans {
		_, span := tracer.Start(context.Background(), "GET /api/products/{id}", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String("http.request.method", "GET"),
			attribute.String("http.route", "/api/products/{id}"),
			attribute.String("url.path", fmt.Sprintf("/api/products/%d", number)),
			attribute.String("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) Firefox/131.0"),
			attribute.Int("http.response.status_code", 200),
			attribute.Int("server.port", 8080),
			attribute.String("server.address", "catalogue.shop.svc.cluster.local"),
			attribute.String("app.user.id", fmt.Sprintf("user-%07d", number)),
			attribute.Bool("app.cache.hit", true),
		))
		span.End()
	}
	buffer := sigynbuffer.New(sigynbuffer.DefaultBytes)
	ours, oursAll := cost(caught.spans, buffer.Processor())

	other := exec.Command(os.Args[0], "sink")
	input, _ := other.StdinPipe()
	output, _ := other.StdoutPipe()
	if err := other.Start(); err != nil {
		panic(err)
	}
	var address string
	_, _ = fmt.Fscanln(output, &address)
	exporter, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpoint(address), otlptracehttp.WithInsecure())
	if err != nil {
		panic(err)
	}
	theirs, theirsAll := cost(caught.spans, sdktrace.NewBatchSpanProcessor(exporter, sdktrace.WithMaxQueueSize(2*spans)))
	_ = input.Close()
	_ = other.Wait()

	stats := buffer.Stats()
	line, _ := json.Marshal(map[string]any{
		"bench":                      "client_record",
		"client":                     "go",
		"held_bytes_per_span":        math.Round(float64(stats.Bytes) / float64(stats.Recorded-stats.Overwritten)),
		"ns_per_span":                ours,
		"otel_batch_ns_per_span":     theirs,
		"cpu_ns_per_span":            oursAll,
		"otel_batch_cpu_ns_per_span": theirsAll,
		"ratio":                      math.Round(theirsAll/oursAll*10) / 10,
	})
	fmt.Println(string(line))
}
