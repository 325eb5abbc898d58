package sigynbuffer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/sigyn-tracing/sigyn/clients/go/internal/otlp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

func tracerOf(buffer *Buffer, options ...sdktrace.TracerProviderOption) trace.Tracer {
	options = append(options, sdktrace.WithSpanProcessor(buffer.Processor()))
	return sdktrace.NewTracerProvider(options...).Tracer("t")
}

type recordOnly struct{}

func (recordOnly) ShouldSample(sdktrace.SamplingParameters) sdktrace.SamplingResult {
	return sdktrace.SamplingResult{Decision: sdktrace.RecordOnly}
}
func (recordOnly) Description() string { return "record only" }

func TestRecordOnlySpansAreRecorded(t *testing.T) {
	buffer := New(0)
	_, span := tracerOf(buffer, sdktrace.WithSampler(recordOnly{})).Start(context.Background(), "a")
	span.End()
	equal(t, buffer.Stats().Recorded, 1)
}

func TestManyGoroutinesLoseNothing(t *testing.T) {
	buffer := New(1 << 20)
	var workers sync.WaitGroup
	for worker := range 8 {
		workers.Go(func() {
			scope := buffer.Scope(fmt.Sprint(worker), "", "", nil)
			for number := range 1000 {
				span := otlp.Span{Name: fmt.Sprint(number), SpanID: [8]byte{1}, TraceID: [16]byte{1}}
				buffer.Record(scope, &span)
				if stats := buffer.Stats(); stats.Bytes > stats.Capacity {
					t.Error("the ring grew")
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { workers.Wait(); close(done) }()
	seen, lost := 0, uint64(0)
	position := uint64(0)
	for ended := false; ; {
		read := buffer.read(position, 64<<10)
		seen, lost, position = seen+len(spansOf(read.body)), lost+read.lost, read.reached
		if ended && len(read.body) == 0 {
			break
		}
		select {
		case <-done:
			ended = true
		default:
		}
	}
	equal(t, seen+int(lost), 8000)
}

func TestFourWaitAndTheFifthComesLater(t *testing.T) {
	buffer := New(0)
	ask := func() *httptest.ResponseRecorder {
		recorder := httptest.NewRecorder()
		buffer.ServeHTTP(recorder, httptest.NewRequest("GET", Path+"?wait=20s", nil))
		return recorder
	}
	codes := make(chan int, 4)
	for range 4 {
		go func() { codes <- ask().Code }()
	}
	for buffer.waiting.Load() < 4 {
		time.Sleep(time.Millisecond)
	}
	refused := ask()
	equal(t, refused.Code, 429)
	equal(t, refused.Header().Get("retry-after"), "1")
	buffer.StartDraining()
	for range 4 {
		equal(t, <-codes, 200)
	}
}

func TestScopesAreBounded(t *testing.T) {
	buffer := New(0)
	for number := range 1000 {
		buffer.Scope(fmt.Sprint(number), "", "", nil)
	}
	if count := len(buffer.scopes.encoded); count > scopesMax+1 {
		t.Errorf("%d scopes", count)
	}
}

func TestServeAsksForTheToken(t *testing.T) {
	buffer := New(0)
	_, span := tracerOf(buffer).Start(context.Background(), "a")
	span.End()
	server, err := buffer.Serve("127.0.0.1:0", "secret")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for token, status := range map[string]int{"": 401, "Bearer wrong": 401, "Bearer secret": 200} {
		request, _ := http.NewRequest("GET", "http://"+server.Addr+Path, nil)
		request.Header.Set("authorization", token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		equal(t, response.StatusCode, status)
		if status == 200 {
			equal(t, len(spansOf(body)), 1)
		}
	}
}

func TestWhatNobodyReadIsPushed(t *testing.T) {
	var bodies []string
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		bodies = append(bodies, string(body))
	}))
	defer collector.Close()
	buffer := New(0)
	_, span := tracerOf(buffer).Start(context.Background(), "unread")
	span.End()
	over, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	equal(t, buffer.Drain(over, collector.URL), Pushed)
	equal(t, len(bodies), 1)
	if !strings.Contains(bodies[0], "unread") {
		t.Error(bodies)
	}
	equal(t, buffer.Drain(over, "http://127.0.0.1:9/"), Unread)
}

func TestTheActiveSpanIsTheExemplar(t *testing.T) {
	if Exemplar(context.Background()) != nil {
		t.Error("there is no span")
	}
	ctx, span := tracerOf(New(0)).Start(context.Background(), "a")
	latency := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "latency_seconds", Buckets: []float64{1}})
	latency.(prometheus.ExemplarObserver).ObserveWithExemplar(0.1, Exemplar(ctx))
	var written dto.Metric
	if err := latency.Write(&written); err != nil {
		t.Fatal(err)
	}
	labels := written.GetHistogram().GetBucket()[0].GetExemplar().String()
	if !strings.Contains(labels, span.SpanContext().TraceID().String()) {
		t.Error(labels)
	}
}
