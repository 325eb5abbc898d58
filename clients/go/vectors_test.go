package sigynbuffer

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/sigyn-tracing/sigyn/clients/go/internal/otlp"
	"github.com/sigyn-tracing/sigyn/clients/go/internal/vectors"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

type expectation struct {
	Status       int
	Text         string
	Spans        []int
	Numbers      []int
	Kept         []int
	Begins       *int
	Empty, Head  bool
	Newest       bool
	AtLeast      int `json:"at_least"`
	Lost, More   string
	CursorSame   bool `json:"cursor_same"`
	Save         string
	Truncated    *[]int
	Scopes       map[string][]int
	Headers      map[string]string
	Absent       []string
	Stats        map[string]float64
	Encoding     []*string
	AtLeastMs    int `json:"at_least_ms"`
	AtMostMs     int `json:"at_most_ms"`
	BodyBytesMax int `json:"body_bytes_max"`
	ReadsAtLeast int `json:"reads_at_least"`
}

type step struct {
	Record         []int
	Trace          uint64
	Show           *string
	Scope          string
	Pad            int
	Restart        bool
	StartDraining  bool `json:"start_draining"`
	Drained        string
	ReadAll        *string `json:"read_all"`
	Get            *string
	Method         string
	AcceptEncoding string `json:"accept_encoding"`
	AfterMs        int    `json:"after_ms"`
	Then           *step
	Expect         expectation
}

type scenario struct {
	Name         string
	UID          string
	Clock        string
	SpanBytesMax int `json:"span_bytes_max"`
	Steps        []step

	t        *testing.T
	capacity int
	buffer   *Buffer
	cursors  map[string]string
	cursor   string
	recorded int
}

func TestProtocol(t *testing.T) {
	var data struct {
		CapacityBytes int `json:"capacity_bytes"`
		Cases         []scenario
	}
	vectors.Load(t, "protocol.json", &data)
	for _, each := range data.Cases {
		t.Run(each.Name, func(t *testing.T) {
			each.t, each.capacity, each.cursors = t, data.CapacityBytes, map[string]string{}
			each.restart()
			for _, step := range each.Steps {
				each.do(step)
			}
		})
	}
}

func (s *scenario) restart() {
	options := []Option{WithUID(s.UID)}
	if nanos, err := strconv.ParseInt(s.Clock, 10, 64); err == nil {
		options = append(options, WithClock(func() time.Time { return time.Unix(0, nanos) }))
	}
	if s.SpanBytesMax > 0 {
		options = append(options, WithSpanBytesMax(s.SpanBytesMax))
	}
	s.buffer = New(s.capacity, options...)
	s.buffer.SetResource([]attribute.KeyValue{attribute.String("service.name", "vectors")}, "")
}

func (s *scenario) do(step step) {
	switch {
	case step.Record != nil:
		s.record(step)
	case step.Restart:
		s.restart()
	case step.Show != nil:
		s.buffer.KeepExemplars(*step.Show)
	case step.StartDraining:
		s.buffer.StartDraining()
	case step.Drained != "":
		over, cancel := context.WithCancel(context.Background())
		cancel()
		equal(s.t, s.buffer.WaitDrained(over), Drained(step.Drained))
	case step.ReadAll != nil:
		s.readAll(step)
	default:
		s.get(step)
	}
}

func (s *scenario) record(step step) {
	name := step.Scope
	if name == "" {
		name = "vectors"
	}
	scope := s.buffer.Scope(name, "", "", nil)
	for number := step.Record[0]; number < step.Record[1]; number++ {
		span := otlp.Span{Name: "span", Kind: 1, Start: 1_790_000_000_000_000_000 + int64(number), Flags: 0x101}
		span.End = span.Start + 1000
		binary.BigEndian.PutUint64(span.TraceID[8:], cmp.Or(step.Trace, uint64(number)+1))
		binary.BigEndian.PutUint64(span.SpanID[:], uint64(number)+1)
		if step.Pad > 0 {
			span.Attributes = []attribute.KeyValue{attribute.String("pad", strings.Repeat("x", step.Pad))}
		}
		s.buffer.Record(scope, &span)
	}
	s.recorded = step.Record[1]
}

func (s *scenario) ask(query string, step step) *httptest.ResponseRecorder {
	query = strings.ReplaceAll(query, "{cursor}", s.cursor)
	query = strings.ReplaceAll(query, "{epoch}", "1."+s.buffer.epoch)
	for name, cursor := range s.cursors {
		query = strings.ReplaceAll(query, "{cursor:"+name+"}", cursor)
	}
	method := step.Method
	if method == "" {
		method = "GET"
	}
	request := httptest.NewRequest(method, Path, nil)
	request.URL.RawQuery = query
	if step.AcceptEncoding != "" {
		request.Header.Set("accept-encoding", step.AcceptEncoding)
	}
	recorder := httptest.NewRecorder()
	s.buffer.ServeHTTP(recorder, request)
	return recorder
}

func (s *scenario) readAll(step step) {
	numbers, cut, reads := []int{}, []int{}, 0
	s.cursor = ""
	for more := "1"; more == "1"; reads++ {
		answer := s.ask("cursor={cursor}&"+*step.ReadAll, step)
		body := answer.Body.Bytes()
		if len(body) == 0 || len(body) > step.Expect.BodyBytesMax {
			s.t.Fatalf("%d bytes", len(body))
		}
		for _, span := range spansOf(body) {
			numbers = append(numbers, span.number)
			if span.cut {
				cut = append(cut, span.number)
			}
		}
		s.cursor, more = answer.Header().Get("sigyn-cursor"), answer.Header().Get("sigyn-more")
	}
	equal(s.t, numbers, numbered(step.Expect.Spans))
	if step.Expect.Truncated != nil {
		equal(s.t, cut, *step.Expect.Truncated)
	}
	if reads < step.Expect.ReadsAtLeast {
		s.t.Errorf("%d reads", reads)
	}
}

func (s *scenario) get(step step) {
	t, expect, before, began := s.t, step.Expect, s.cursor, time.Now()
	answers := make(chan *httptest.ResponseRecorder, 1)
	go func() { answers <- s.ask(*step.Get, step) }()
	if step.Then != nil {
		time.Sleep(time.Duration(step.AfterMs) * time.Millisecond)
		s.do(*step.Then)
	}
	answer := <-answers
	passed := int(time.Since(began).Milliseconds())
	header, body := answer.Header(), answer.Body.Bytes()
	equal(t, answer.Code, max(expect.Status, 200))
	if !strings.HasPrefix(string(body), expect.Text) {
		t.Errorf("%s does not begin with %s", body, expect.Text)
	}
	if answer.Code != 200 {
		return
	}
	if passed < expect.AtLeastMs || expect.AtMostMs > 0 && passed > expect.AtMostMs {
		t.Errorf("%d ms", passed)
	}
	encoding := header.Get("content-encoding")
	if expect.Encoding != nil && !slices.ContainsFunc(expect.Encoding, func(wanted *string) bool {
		return wanted == nil && encoding == "" || wanted != nil && *wanted == encoding
	}) {
		t.Errorf("encoding %q", encoding)
	}
	if expect.Empty || expect.Head {
		equal(t, len(body), 0)
	}
	if encoding == "zstd" {
		reader, err := zstd.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		body, _ = io.ReadAll(reader)
	}
	if encoding == "gzip" {
		reader, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		body, _ = io.ReadAll(reader)
	}
	numbers, cut, scopes := []int{}, []int{}, map[string][]int{}
	for _, span := range spansOf(body) {
		numbers = append(numbers, span.number)
		scopes[span.scope] = append(scopes[span.scope], span.number)
		if span.cut {
			cut = append(cut, span.number)
		}
	}
	slices.Sort(numbers)
	if expect.Spans != nil {
		equal(t, numbers, numbered(expect.Spans))
	}
	if expect.Numbers != nil {
		equal(t, numbers, expect.Numbers)
	}
	if expect.Begins != nil {
		equal(t, numbers[0], *expect.Begins)
	}
	if expect.Newest {
		equal(t, numbers[:len(expect.Kept)], append([]int{}, expect.Kept...))
		numbers = numbers[len(expect.Kept):]
		equal(t, numbers, numbered([]int{numbers[0], s.recorded}))
		if len(numbers) < expect.AtLeast {
			t.Errorf("%d spans", len(numbers))
		}
	}
	if expect.Lost == "counted" {
		position, _ := strconv.ParseInt(before[strings.LastIndexByte(before, '.')+1:], 16, 64)
		equal(t, header.Get("sigyn-lost"), strconv.Itoa(numbers[0]-int(position)-len(expect.Kept)))
	} else if expect.Lost != "" {
		equal(t, header.Get("sigyn-lost"), expect.Lost)
	}
	if expect.More != "" {
		equal(t, header.Get("sigyn-more"), expect.More)
	}
	if expect.CursorSame {
		equal(t, header.Get("sigyn-cursor"), before)
	}
	if expect.Truncated != nil {
		equal(t, cut, *expect.Truncated)
	}
	for name, wanted := range expect.Scopes {
		equal(t, scopes[name], wanted)
	}
	for name, wanted := range expect.Headers {
		equal(t, header.Get(name), wanted)
	}
	for _, name := range expect.Absent {
		equal(t, header.Values(name), nil)
	}
	stats := map[string]float64{}
	for _, pair := range regexp.MustCompile(`(\w+)=([\w.]+)`).FindAllStringSubmatch(header.Get("sigyn-buffer"), -1) {
		stats[pair[1]], _ = strconv.ParseFloat(pair[2], 64)
	}
	for name, wanted := range expect.Stats {
		equal(t, stats[name], wanted)
	}
	if cursor := header.Get("sigyn-cursor"); cursor != "" {
		s.cursor = cursor
	}
	if expect.Save != "" {
		s.cursors[expect.Save] = s.cursor
	}
}

func numbered(limits []int) []int {
	numbers := []int{}
	for number := limits[0]; number < limits[1]; number++ {
		numbers = append(numbers, number)
	}
	return numbers
}

type readSpan struct {
	number     int
	name       string
	scope      string
	traceID    string
	spanID     string
	parentID   string
	cut        bool
	attributes [][]byte
}

func spansOf(body []byte) []readSpan {
	var spans []readSpan
	for _, resourceSpans := range contents(body, 1) {
		for _, scopeSpans := range contents(resourceSpans, 2) {
			scope := ""
			for _, message := range contents(scopeSpans, 1) {
				scope = string(bytes.Join(contents(message, 1), nil))
			}
			for _, span := range contents(scopeSpans, 2) {
				read := readSpan{scope: scope, attributes: contents(span, 9)}
				id := contents(span, 2)[0]
				read.number = int(binary.BigEndian.Uint64(id)) - 1
				read.name = string(bytes.Join(contents(span, 5), nil))
				read.traceID, read.spanID = hex.EncodeToString(contents(span, 1)[0]), hex.EncodeToString(id)
				read.parentID = hex.EncodeToString(bytes.Join(contents(span, 4), nil))
				for _, each := range read.attributes {
					read.cut = read.cut || bytes.Contains(each, []byte("sigyn.truncated"))
				}
				spans = append(spans, read)
			}
		}
	}
	return spans
}

func contents(message []byte, wanted int) [][]byte {
	var found [][]byte
	otlp.Fields(message, func(field otlp.Field) {
		if field.Number == wanted {
			found = append(found, field.Content)
		}
	})
	return found
}

func equal(t *testing.T, got, wanted any) {
	t.Helper()
	one, _ := json.Marshal(got)
	other, _ := json.Marshal(wanted)
	if !bytes.Equal(one, other) {
		t.Errorf("got %s, not %s", one, other)
	}
}

type contextVector struct {
	TraceID    string `json:"trace_id"`
	SpanID     string `json:"span_id"`
	TraceState string `json:"trace_state"`
	Flags      *byte
	Remote     bool
}

func (v contextVector) context(traceID string) trace.SpanContext {
	config := trace.SpanContextConfig{TraceFlags: trace.FlagsSampled, Remote: v.Remote}
	if v.Flags != nil {
		config.TraceFlags = trace.TraceFlags(*v.Flags)
	}
	config.TraceID, _ = trace.TraceIDFromHex(traceID)
	config.SpanID, _ = trace.SpanIDFromHex(v.SpanID)
	config.TraceState, _ = trace.ParseTraceState(v.TraceState)
	return trace.NewSpanContext(config)
}

func TestSpans(t *testing.T) {
	var data struct {
		Cases []struct {
			Name         string
			SpanBytesMax int `json:"span_bytes_max"`
			Resource     []vectors.Attribute
			Scope        struct {
				Name, Version string
				SchemaURL     string `json:"schema_url"`
				Attributes    []vectors.Attribute
			}
			Span struct {
				contextVector
				Name, Kind, Start, End string
				Parent                 *contextVector
				Status                 struct{ Code, Message string }
				Attributes             []vectors.Attribute
				AttributesDropped      int `json:"attributes_dropped"`
				Events                 []struct {
					Time, Name string
					Attributes []vectors.Attribute
				}
				EventsDropped int `json:"events_dropped"`
				Links         []struct {
					contextVector
					Attributes []vectors.Attribute
				}
				LinksDropped int `json:"links_dropped"`
			}
			Hex string
		}
	}
	vectors.Load(t, "spans.json", &data)
	at := func(text string) time.Time {
		nanos, _ := strconv.ParseInt(text, 10, 64)
		return time.Unix(0, nanos)
	}
	for _, each := range data.Cases {
		t.Run(each.Name, func(t *testing.T) {
			given, scope := each.Span, each.Scope
			stub := tracetest.SpanStub{
				Name:              given.Name,
				SpanContext:       given.context(given.TraceID),
				SpanKind:          map[string]trace.SpanKind{"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}[given.Kind],
				StartTime:         at(given.Start),
				EndTime:           at(given.End),
				Attributes:        vectors.KeyValues(given.Attributes),
				DroppedAttributes: given.AttributesDropped,
				DroppedEvents:     given.EventsDropped,
				DroppedLinks:      given.LinksDropped,
				Status: sdktrace.Status{
					Code:        map[string]codes.Code{"ok": codes.Ok, "error": codes.Error}[given.Status.Code],
					Description: given.Status.Message,
				},
				Resource: resource.NewSchemaless(vectors.KeyValues(each.Resource)...),
				InstrumentationScope: instrumentation.Scope{
					Name: scope.Name, Version: scope.Version, SchemaURL: scope.SchemaURL,
					Attributes: attribute.NewSet(vectors.KeyValues(scope.Attributes)...),
				},
			}
			if given.Parent != nil {
				stub.Parent = given.Parent.context(given.TraceID)
			}
			for _, event := range given.Events {
				stub.Events = append(stub.Events, sdktrace.Event{Name: event.Name, Time: at(event.Time), Attributes: vectors.KeyValues(event.Attributes)})
			}
			for _, link := range given.Links {
				stub.Links = append(stub.Links, sdktrace.Link{SpanContext: link.context(link.TraceID), Attributes: vectors.KeyValues(link.Attributes)})
			}
			options := []Option{}
			if each.SpanBytesMax > 0 {
				options = append(options, WithSpanBytesMax(each.SpanBytesMax))
			}
			buffer := New(1<<20, options...)
			buffer.Processor().OnEnd(stub.Snapshot())
			equal(t, fmt.Sprintf("%x", buffer.read(0, 1<<20).body), each.Hex)
		})
	}
}
