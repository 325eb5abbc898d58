package opentracing

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/opentracing-contrib/go-stdlib/nethttp"
	ot "github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/harness"
	"github.com/opentracing/opentracing-go/log"
	sigynbuffer "github.com/sigyn-tracing/sigyn/clients/go"
	"github.com/sigyn-tracing/sigyn/clients/go/internal/vectors"
)

func body(buffer *sigynbuffer.Buffer) []byte {
	recorder := httptest.NewRecorder()
	buffer.ServeHTTP(recorder, httptest.NewRequest("GET", sigynbuffer.Path, nil))
	return recorder.Body.Bytes()
}

func field(key string, value any) log.Field {
	switch value := value.(type) {
	case string:
		return log.String(key, value)
	case int64:
		return log.Int64(key, value)
	}
	return log.Object(key, value)
}

func at(seconds float64) time.Time { return time.UnixMicro(int64(seconds * 1e6)) }

func TestSpans(t *testing.T) {
	var data struct {
		ServiceName string `json:"service_name"`
		Cases       []struct {
			Name string
			Span struct {
				OperationName string `json:"operation_name"`
				Start, Finish float64
				Tags          []vectors.Attribute
				Logs          []struct {
					Time   float64
					Fields []vectors.Attribute
				}
				References []struct {
					Type    string
					Headers map[string]string
				}
				Baggage [][2]string
				Rename  string
			}
			Hex string
		}
	}
	vectors.Load(t, "opentracing.json", &data)
	for _, each := range data.Cases {
		t.Run(each.Name, func(t *testing.T) {
			given, buffer := each.Span, sigynbuffer.New(0)
			tracer := NewTracer(data.ServiceName, buffer)
			options := []ot.StartSpanOption{ot.StartTime(at(given.Start))}
			for _, reference := range given.References {
				found, err := tracer.Extract(ot.HTTPHeaders, ot.TextMapCarrier(reference.Headers))
				if err != nil {
					t.Fatal(err)
				}
				kind := map[string]ot.SpanReferenceType{"child_of": ot.ChildOfRef, "follows_from": ot.FollowsFromRef}[reference.Type]
				options = append(options, ot.SpanReference{Type: kind, ReferencedContext: found})
			}
			span := tracer.StartSpan(given.OperationName, options...)
			for _, tag := range given.Tags {
				span.SetTag(tag.Key, tag.Plain())
			}
			finish := ot.FinishOptions{FinishTime: at(given.Finish)}
			for _, each := range given.Logs {
				record := ot.LogRecord{Timestamp: at(each.Time)}
				for _, item := range each.Fields {
					record.Fields = append(record.Fields, field(item.Key, item.Plain()))
				}
				finish.LogRecords = append(finish.LogRecords, record)
			}
			for _, item := range given.Baggage {
				span.SetBaggageItem(item[0], item[1])
			}
			if given.Rename != "" {
				span.SetOperationName(given.Rename)
			}
			span.FinishWithOptions(finish)
			// The IDs that the tracer drew stand for the vector's: eights and, for a root, sevens.
			own := span.Context().(SpanContext)
			got := bytes.ReplaceAll(body(buffer), own.SpanID[:], bytes.Repeat([]byte{0x88}, 8))
			if len(given.References) == 0 {
				got = bytes.ReplaceAll(got, own.TraceID[:], bytes.Repeat([]byte{0x77}, 16))
			}
			if hex.EncodeToString(got) != each.Hex {
				t.Errorf("got  %x\nwant %s", got, each.Hex)
			}
		})
	}
}

type contextVector struct {
	TraceID    string `json:"trace_id"`
	SpanID     string `json:"span_id"`
	Sampled    bool
	Baggage    map[string]string
	TraceState string `json:"trace_state"`
}

func check(t *testing.T, found ot.SpanContext, err error, expect *contextVector) {
	t.Helper()
	if expect == nil {
		if err == nil {
			t.Errorf("found %v", found)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	own := found.(SpanContext)
	got := contextVector{hex.EncodeToString(own.TraceID[:]), hex.EncodeToString(own.SpanID[:]), own.IsSampled(), map[string]string{}, own.TraceState}
	own.ForeachBaggageItem(func(key, value string) bool { got.Baggage[key] = value; return true })
	if !reflect.DeepEqual(got, *expect) {
		t.Errorf("got %v, not %v", got, *expect)
	}
}

func TestPropagation(t *testing.T) {
	var data struct {
		Extract []struct {
			Name    string
			Headers map[string]string
			Expect  *contextVector
		}
		Inject []struct {
			Name         string
			Formats      []Format
			From, Expect map[string]string
		}
		Binary []struct {
			Name, Hex string
			Expect    *contextVector
		}
		BinaryBroken []struct{ Name, Hex string } `json:"binary_broken"`
	}
	vectors.Load(t, "propagation.json", &data)
	tracer := NewTracer("a", sigynbuffer.New(0))
	for _, each := range data.Extract {
		t.Run(each.Name, func(t *testing.T) {
			found, err := tracer.Extract(ot.TextMap, ot.TextMapCarrier(each.Headers))
			check(t, found, err, each.Expect)
			headers := http.Header{}
			for key, value := range each.Headers {
				headers.Set(key, value)
			}
			found, err = tracer.Extract(ot.HTTPHeaders, ot.HTTPHeadersCarrier(headers))
			check(t, found, err, each.Expect)
		})
	}
	for _, each := range data.Inject {
		t.Run(each.Name, func(t *testing.T) {
			tracer := tracer
			if each.Formats != nil {
				tracer = NewTracer("a", sigynbuffer.New(0), WithPropagation(each.Formats...))
			}
			found, _ := tracer.Extract(ot.HTTPHeaders, ot.TextMapCarrier(each.From))
			carrier := ot.TextMapCarrier{}
			if err := tracer.Inject(found, ot.HTTPHeaders, carrier); err != nil {
				t.Fatal(err)
			}
			if carrier["baggage"] != "" { // in Go a map has no order
				items := func(text string) map[string]bool {
					set := map[string]bool{}
					for _, item := range strings.Split(text, ",") {
						set[item] = true
					}
					return set
				}
				if reflect.DeepEqual(items(carrier["baggage"]), items(each.Expect["baggage"])) {
					carrier["baggage"] = each.Expect["baggage"]
				}
			}
			if !reflect.DeepEqual(map[string]string(carrier), each.Expect) {
				t.Errorf("got %v, not %v", carrier, each.Expect)
			}
		})
	}
	for _, each := range data.Binary {
		t.Run(each.Name, func(t *testing.T) {
			raw, _ := hex.DecodeString(each.Hex)
			found, err := tracer.Extract(ot.Binary, bytes.NewReader(raw))
			check(t, found, err, each.Expect)
			var carrier bytes.Buffer
			if err := tracer.Inject(found, ot.Binary, &carrier); err != nil || !bytes.Equal(carrier.Bytes(), raw) {
				t.Errorf("%x %v", carrier.Bytes(), err)
			}
		})
	}
	for _, each := range data.BinaryBroken {
		t.Run(each.Name, func(t *testing.T) {
			raw, _ := hex.DecodeString(each.Hex)
			found, err := tracer.Extract(ot.Binary, bytes.NewReader(raw))
			check(t, found, err, nil)
		})
	}
}

// The OpenTracing project's own checks.
func TestAPI(t *testing.T) {
	harness.RunAPIChecks(t, func() (ot.Tracer, func()) {
		return NewTracer("api", sigynbuffer.New(0)), func() {}
	}, harness.CheckEverything(), harness.UseProbe(probe{}))
}

type probe struct{}

func (probe) SameTrace(first, second ot.Span) bool {
	return first.Context().(SpanContext).TraceID == second.Context().(SpanContext).TraceID
}

func (probe) SameSpanContext(span ot.Span, other ot.SpanContext) bool {
	return span.Context().(SpanContext).SpanID == other.(SpanContext).SpanID
}

func TestAnErrorBecomesAnException(t *testing.T) {
	buffer := sigynbuffer.New(0)
	span := NewTracer("a", buffer).StartSpan("a")
	span.LogFields(log.Event("error"), log.Error(errors.New("no such cart")))
	span.Finish()
	span.Finish()
	if buffer.Stats().Recorded != 1 {
		t.Error("a span ends once")
	}
	for _, text := range []string{"exception.type", "errors.errorString", "no such cart"} {
		if !bytes.Contains(body(buffer), []byte(text)) {
			t.Error(text)
		}
	}
}

func TestExemplar(t *testing.T) {
	if Exemplar(context.Background()) != nil {
		t.Error("there is no span")
	}
	span := NewTracer("a", sigynbuffer.New(0)).StartSpan("a")
	own := span.Context().(SpanContext)
	got := Exemplar(ot.ContextWithSpan(context.Background(), span))
	if got["span_id"] != hex.EncodeToString(own.SpanID[:]) {
		t.Error(got)
	}
}

func TestOldInstrumentationWorksUnmodified(t *testing.T) {
	buffer := sigynbuffer.New(0)
	tracer := NewTracer("shop", buffer)
	handler := nethttp.Middleware(tracer, http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		query, _ := ot.StartSpanFromContextWithTracer(request.Context(), tracer, "query")
		query.Finish()
		_, _ = writer.Write([]byte(ot.SpanFromContext(request.Context()).BaggageItem("user")))
	}))
	request := httptest.NewRequest("GET", "/cart", nil)
	request.Header.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	request.Header.Set("baggage", "user=7")
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	if recorder.Body.String() != "7" {
		t.Error(recorder.Body.String())
	}
	parent, _ := hex.DecodeString("4bf92f3577b34da6a3ce929d0e0e4736")
	if got := body(buffer); bytes.Count(got, parent) != 2 || !bytes.Contains(got, []byte("HTTP GET")) {
		t.Errorf("%q", got)
	}
}
