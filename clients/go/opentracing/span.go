package opentracing

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	ot "github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
	"github.com/sigyn-tracing/sigyn/clients/go/internal/otlp"
	"go.opentelemetry.io/otel/attribute"
)

// Span is an opentracing.Span. What is set after Finish is left out.
type Span struct {
	tracer *Tracer
	parent *SpanContext
	links  []reference
	start  time.Time

	mutex         sync.Mutex
	context       SpanContext
	operationName string
	tags          []attribute.KeyValue
	kind, code    int
	events        []otlp.Event
	finished      bool
}

var kinds = map[string]int{"server": 2, "client": 3, "producer": 4, "consumer": 5}

const internalKind = 1

// Context implements opentracing.Span.
func (s *Span) Context() ot.SpanContext {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.context
}

// Tracer implements opentracing.Span.
func (s *Span) Tracer() ot.Tracer { return s.tracer }

// SetOperationName implements opentracing.Span.
func (s *Span) SetOperationName(operationName string) ot.Span {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.operationName = operationName
	return s
}

// SetTag implements opentracing.Span; span.kind and error become fields of OTLP.
func (s *Span) SetTag(key string, value any) ot.Span {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	text := fmt.Sprint(value)
	switch key {
	case "span.kind":
		if kind, ok := kinds[text]; ok {
			s.kind = kind
			s.dropTag(key)
			return s
		}
		s.kind = 0
	case "error":
		s.code = map[string]int{"true": 2, "1": 2, "false": 1}[text]
		if s.code != 0 {
			s.dropTag(key)
			return s
		}
	case "sampling.priority":
		// The wish is passed on; this buffer keeps every span.
		if text == "0" {
			s.context.Flags &^= sampled
		} else {
			s.context.Flags |= sampled
		}
	}
	pair := keyValue(key, value)
	for index := range s.tags {
		if s.tags[index].Key == pair.Key {
			s.tags[index] = pair
			return s
		}
	}
	s.tags = append(s.tags, pair)
	return s
}

func (s *Span) dropTag(key string) {
	for index := range s.tags {
		if string(s.tags[index].Key) == key {
			s.tags = append(s.tags[:index], s.tags[index+1:]...)
			return
		}
	}
}

// SetBaggageItem implements opentracing.Span.
func (s *Span) SetBaggageItem(key, value string) ot.Span {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	baggage := maps.Clone(s.context.baggage)
	baggage[key] = value
	s.context.baggage = baggage
	return s
}

// BaggageItem implements opentracing.Span.
func (s *Span) BaggageItem(key string) string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.context.baggage[key]
}

// LogFields implements opentracing.Span.
func (s *Span) LogFields(fields ...log.Field) { s.log(time.Now(), fields) }

// LogKV implements opentracing.Span.
func (s *Span) LogKV(keyValues ...any) {
	fields, err := log.InterleavedKVToFields(keyValues...)
	if err != nil {
		fields = []log.Field{log.Error(err), log.String("function", "LogKV")}
	}
	s.LogFields(fields...)
}

// LogEvent implements opentracing.Span.
func (s *Span) LogEvent(event string) { s.LogFields(log.String("event", event)) }

// LogEventWithPayload implements opentracing.Span.
func (s *Span) LogEventWithPayload(event string, payload any) {
	s.LogFields(log.String("event", event), log.Object("payload", payload))
}

// Log implements opentracing.Span.
func (s *Span) Log(data ot.LogData) {
	record := data.ToLogRecord()
	s.log(record.Timestamp, record.Fields)
}

func (s *Span) log(at time.Time, fields []log.Field) {
	event := toEvent(at, fields)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.events = append(s.events, event)
}

// Finish implements opentracing.Span.
func (s *Span) Finish() { s.FinishWithOptions(ot.FinishOptions{}) }

// FinishWithOptions implements opentracing.Span.
func (s *Span) FinishWithOptions(options ot.FinishOptions) {
	end := options.FinishTime
	if end.IsZero() {
		// Of the monotonic clock, where the start has it.
		end = s.start.Add(time.Since(s.start))
	}
	for _, record := range options.LogRecords {
		s.log(record.Timestamp, record.Fields)
	}
	for _, data := range options.BulkLogData {
		s.Log(data)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.finished {
		return
	}
	s.finished = true
	own := &s.context
	record := otlp.Span{
		TraceID: own.TraceID, SpanID: own.SpanID, TraceState: own.TraceState, Name: s.operationName,
		Kind: s.kind, Start: s.start.UnixNano(), End: end.UnixNano(), Code: s.code,
		Flags: flags(own, s.parent), Attributes: s.tags, Events: s.events,
	}
	if record.Kind == 0 {
		record.Kind = internalKind
	}
	if s.parent != nil {
		record.ParentID = s.parent.SpanID
	}
	for _, link := range s.links {
		other := link.context
		record.Links = append(record.Links, otlp.Link{
			TraceID: other.TraceID, SpanID: other.SpanID, TraceState: other.TraceState, Flags: flags(&other, &other),
			Attributes: []attribute.KeyValue{attribute.String("opentracing.ref_type", link.kind)},
		})
	}
	s.tracer.buffer.Record(s.tracer.scope, &record)
}

func flags(own, remote *SpanContext) uint32 {
	flags := uint32(own.Flags) | otlp.RemoteKnown
	if remote != nil && remote.remote {
		flags |= otlp.Remote
	}
	return flags
}

// An event that tells of an error says so under OpenTelemetry's names.
var errorFields = map[string]string{"error.kind": "exception.type", "message": "exception.message", "stack": "exception.stacktrace"}

func toEvent(at time.Time, fields []log.Field) otlp.Event {
	event := otlp.Event{Time: at.UnixNano(), Name: "log"}
	said := map[string]bool{}
	for _, field := range fields {
		said[field.Key()] = true
		if name, ok := field.Value().(string); ok && field.Key() == "event" {
			event.Name = name
		}
	}
	isError := event.Name == "error"
	if isError {
		event.Name = "exception"
	}
	for _, field := range fields {
		key, value := field.Key(), field.Value()
		if _, isText := value.(string); key == "event" && isText {
			continue
		}
		if err, ok := value.(error); ok && isError && (key == "error" || key == "error.object") {
			if !said["error.kind"] {
				event.Attributes = append(event.Attributes, attribute.String("exception.type", strings.TrimPrefix(fmt.Sprintf("%T", err), "*")))
			}
			if !said["message"] {
				event.Attributes = append(event.Attributes, attribute.String("exception.message", err.Error()))
			}
			continue
		}
		if name, ok := errorFields[key]; ok && isError {
			key = name
		}
		event.Attributes = append(event.Attributes, keyValue(key, value))
	}
	return event
}

// keyValue keeps what OTLP can say; everything else as text.
func keyValue(key string, value any) attribute.KeyValue {
	switch value := value.(type) {
	case string:
		return attribute.String(key, value)
	case bool:
		return attribute.Bool(key, value)
	case int:
		return attribute.Int(key, value)
	case int8:
		return attribute.Int64(key, int64(value))
	case int16:
		return attribute.Int64(key, int64(value))
	case int32:
		return attribute.Int64(key, int64(value))
	case int64:
		return attribute.Int64(key, value)
	case uint8:
		return attribute.Int64(key, int64(value))
	case uint16:
		return attribute.Int64(key, int64(value))
	case uint32:
		return attribute.Int64(key, int64(value))
	case float32:
		return attribute.Float64(key, float64(value))
	case float64:
		return attribute.Float64(key, value)
	case []string:
		return attribute.StringSlice(key, value)
	}
	return attribute.String(key, fmt.Sprint(value))
}
