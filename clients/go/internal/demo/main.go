// Command demo is one service of the polyglot demo, by OpenTelemetry: demo --listen 127.0.0.1:7003 --next URL
//
// GET /checkout goes on along the chain with W3C trace context and baggage; /debug/spans is the span buffer and /metrics
// shows exemplars. SIGTERM drains.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	sigynbuffer "github.com/sigyn-tracing/sigyn/clients/go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const service = "polyglot-go"

type app struct {
	next       string
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	client     http.Client
	latency    prometheus.Histogram
}

type answer struct {
	Services []string          `json:"services,omitempty"`
	Baggage  map[string]string `json:"baggage,omitempty"`
	Error    string            `json:"error,omitempty"`
}

func (a *app) checkout(writer http.ResponseWriter, request *http.Request) {
	began := time.Now()
	ctx := a.propagator.Extract(request.Context(), propagation.HeaderCarrier(request.Header))
	ctx, span := a.tracer.Start(ctx, "GET /checkout", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", "GET"), attribute.String("http.route", "/checkout"),
		attribute.String("url.query", request.URL.RawQuery)))
	defer span.End()
	status, out := http.StatusOK, answer{Services: []string{service}, Baggage: map[string]string{}}
	for _, member := range baggage.FromContext(ctx).Members() {
		out.Baggage[member.Key()] = member.Value()
	}
	if a.next != "" {
		rest, err := a.call(ctx)
		if err != nil {
			status, out = http.StatusBadGateway, answer{Error: fmt.Sprintf("%s did not answer: %v", a.next, err)}
			span.SetStatus(codes.Error, out.Error)
		}
		out.Services = append(out.Services, rest...)
	}
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	a.latency.(prometheus.ExemplarObserver).ObserveWithExemplar(time.Since(began).Seconds(), sigynbuffer.Exemplar(ctx))
	writer.Header().Set("content-type", "application/json")
	writer.WriteHeader(status)
	_ = json.NewEncoder(writer).Encode(out)
}

// call asks the rest of the chain for the services in it.
func (a *app) call(ctx context.Context) ([]string, error) {
	ctx, span := a.tracer.Start(ctx, "GET", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("http.request.method", "GET"), attribute.String("url.full", a.next)))
	defer span.End()
	var rest answer
	err := func() error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.next, nil)
		if err != nil {
			return err
		}
		a.propagator.Inject(ctx, propagation.HeaderCarrier(request.Header))
		response, err := a.client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		span.SetAttributes(attribute.Int("http.response.status_code", response.StatusCode))
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("it answered %s", response.Status)
		}
		return json.NewDecoder(response.Body).Decode(&rest)
	}()
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
	}
	return rest.Services, err
}

// metrics shows OpenMetrics whoever asks, and keeps the spans that its exemplars point at.
func metrics(registry *prometheus.Registry, buf *sigynbuffer.Buffer) http.Handler {
	pages := promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true, DisableCompression: true})
	return http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		request.Header.Set("accept", "application/openmetrics-text; version=1.0.0")
		shown := page{ResponseWriter: writer}
		pages.ServeHTTP(&shown, request)
		buf.KeepExemplars(shown.text.String())
	})
}

type page struct {
	http.ResponseWriter
	text bytes.Buffer
}

func (p *page) Write(content []byte) (int, error) {
	p.text.Write(content)
	return p.ResponseWriter.Write(content)
}

func main() {
	listen := flag.String("listen", "127.0.0.1:7003", "address and port")
	next := flag.String("next", "", "the service that is called; none at the end of the chain")
	flag.Parse()
	ending, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	buf := sigynbuffer.New(sigynbuffer.DefaultBytes)
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(buf.Processor()),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", service))),
	)
	app := app{
		next:       strings.TrimSuffix(*next, "/"),
		tracer:     provider.Tracer("polyglot"),
		propagator: propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
		client:     http.Client{Timeout: 10 * time.Second},
		latency:    prometheus.NewHistogram(prometheus.HistogramOpts{Name: "checkout_duration_seconds", Help: "Time to answer."}),
	}
	if app.next != "" && !strings.HasSuffix(app.next, "/checkout") {
		app.next += "/checkout"
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(app.latency)
	http.HandleFunc("GET /checkout", app.checkout)
	http.Handle("/debug/spans", buf)
	http.Handle("/metrics", metrics(registry, buf))

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() { _ = http.Serve(listener, nil) }()
	fmt.Println("ready")
	<-ending.Done()
	limit, cancel := context.WithTimeout(context.Background(), sigynbuffer.DrainTimeout)
	defer cancel()
	buf.Drain(limit, "")
}
