package sigynbuffer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/sigyn-tracing/sigyn/clients/go/internal/otlp"
	"go.opentelemetry.io/otel/attribute"
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

// Steps drawn at random: records, pages with exemplars, and readers that take more or less.
func TestKeptOrNotEverySpanComesOnceOrIsCounted(t *testing.T) {
	for seed := range uint64(40) {
		draw := rand.New(rand.NewPCG(seed, 1))
		buffer := New(0)
		scope, recorded := buffer.Scope("s", "", "", nil), 0
		type reader struct {
			seen, lost int
			position   uint64
			numbers    map[int]bool
		}
		readers := [3]reader{}
		read := func(each *reader, bytesMax int) bool {
			got := buffer.read(each.position, bytesMax)
			buffer.keep.reached(each.position)
			for _, span := range spansOf(got.body) {
				each.seen++
				each.numbers[span.number] = true
			}
			each.lost, each.position = each.lost+int(got.lost), got.reached
			return got.more
		}
		for index := range readers {
			readers[index].numbers = map[int]bool{}
		}
		for range draw.IntN(80) {
			switch step := draw.IntN(6); {
			case step < 3:
				pad := strings.Repeat("x", []int{10, 200, 2000, 9000}[draw.IntN(4)])
				for range draw.IntN(60) {
					recorded++
					span := otlp.Span{Name: "s", Attributes: []attribute.KeyValue{attribute.String("pad", pad)}}
					binary.BigEndian.PutUint64(span.TraceID[8:], uint64(recorded))
					binary.BigEndian.PutUint64(span.SpanID[:], uint64(recorded))
					buffer.Record(scope, &span)
				}
			case step < 5:
				page := ""
				for range draw.IntN(8) {
					page += fmt.Sprintf("a_total 1 # {trace_id=\"%x\"} 1\n", max(recorded-draw.IntN(200), 0))
				}
				buffer.KeepExemplars(page)
			default:
				read(&readers[draw.IntN(3)], []int{1, 20_000, 4 << 20}[draw.IntN(3)])
			}
		}
		for index := range readers {
			each := &readers[index]
			for read(each, 4000) {
			}
			equal(t, len(each.numbers), each.seen)
			equal(t, each.seen+each.lost, recorded)
		}
	}
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

func TestServeTLSIsHTTPS(t *testing.T) {
	pair, err := tls.LoadX509KeyPair("../vectors/tls/certificate.pem", "../vectors/tls/key.pem")
	if err != nil {
		t.Fatal(err)
	}
	buffer := New(0)
	_, span := tracerOf(buffer).Start(context.Background(), "a")
	span.End()
	server, err := buffer.ServeTLS("127.0.0.1:0", "", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(pair.Leaf)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	response, err := client.Get("https://" + server.Addr + Path)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	equal(t, len(spansOf(body)), 1)
	if _, err := http.Get("https://" + server.Addr + Path); err == nil {
		t.Error("who does not know the certificate must not read")
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
