package opentracing

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	ot "github.com/opentracing/opentracing-go"
)

// Format is one way to write a trace context into headers.
type Format string

// W3C is traceparent, tracestate and baggage; Jaeger is uber-trace-id and uberctx-*; B3 is x-b3-*, without baggage.
const (
	W3C    Format = "w3c"
	Jaeger Format = "jaeger"
	B3     Format = "b3"
)

const (
	baggageBytesMax  = 8192
	baggageItemsMax  = 64
	baggageTextBytes = 1 << 16
	uberBaggage      = "uberctx-"
	binaryHeadBytes  = 33
)

var (
	traceparent = regexp.MustCompile(`^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$`)
	uberTraceID = regexp.MustCompile(`^([0-9a-f]{1,32}):([0-9a-f]{1,16}):[^:]*:([0-9a-fA-F]{1,2})$`)
	b3Trace     = regexp.MustCompile(`^(?:[0-9a-f]{16}){1,2}$`)
	b3Span      = regexp.MustCompile(`^[0-9a-f]{16}$`)
	token       = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
)

func inject(own SpanContext, carrier ot.TextMapWriter, formats []Format, isHTTP bool) {
	traceID, spanID := hex.EncodeToString(own.TraceID[:]), hex.EncodeToString(own.SpanID[:])
	var keys []string
	for key := range own.baggage {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	if slices.Contains(formats, W3C) {
		carrier.Set("traceparent", fmt.Sprintf("00-%s-%s-%02x", traceID, spanID, own.Flags&sampled))
		if own.TraceState != "" {
			carrier.Set("tracestate", own.TraceState)
		}
		var items []string
		for _, key := range keys {
			items = append(items, escape(key)+"="+escape(own.baggage[key]))
		}
		if text := strings.Join(items, ","); text != "" && len(text) <= baggageBytesMax {
			carrier.Set("baggage", text)
		}
	}
	if slices.Contains(formats, Jaeger) {
		// Parent IDs went out of use there; 0 stands in their place.
		carrier.Set("uber-trace-id", fmt.Sprintf("%s:%s:0:%x", traceID, spanID, own.Flags&(sampled|debug)))
		for _, key := range keys {
			if !isHTTP {
				carrier.Set(uberBaggage+key, own.baggage[key])
			} else if token.MatchString(key) {
				carrier.Set(uberBaggage+key, escape(own.baggage[key]))
			}
		}
	}
	if slices.Contains(formats, B3) {
		carrier.Set("x-b3-traceid", traceID)
		carrier.Set("x-b3-spanid", spanID)
		carrier.Set("x-b3-sampled", strconv.Itoa(int(own.Flags&sampled)))
	}
}

func escape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

func unescape(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}

// extract gives the context of the first of W3C, Jaeger, B3 that is there and sound; baggage of any.
func extract(carrier ot.TextMapReader) (ot.SpanContext, error) {
	headers := map[string]string{}
	err := carrier.ForeachKey(func(key, value string) error {
		headers[strings.ToLower(key)] = strings.TrimSpace(value)
		return nil
	})
	if err != nil {
		return nil, err
	}
	baggage := baggageOf(headers)
	for _, read := range []func(map[string]string) *SpanContext{fromW3C, fromJaeger, fromB3Single, fromB3} {
		if found := read(headers); found != nil {
			found.baggage, found.remote = baggage, true
			return *found, nil
		}
	}
	if len(baggage) == 0 {
		return nil, ot.ErrSpanContextNotFound
	}
	return SpanContext{Flags: sampled, baggage: baggage, remote: true}, nil
}

func found(traceID, spanID string, flags byte) *SpanContext {
	own := SpanContext{Flags: flags}
	_, traceErr := hex.Decode(own.TraceID[:], []byte(strings.Repeat("0", 32-len(traceID))+traceID))
	_, spanErr := hex.Decode(own.SpanID[:], []byte(strings.Repeat("0", 16-len(spanID))+spanID))
	if traceErr != nil || spanErr != nil || !own.isSpan() || own.SpanID == [8]byte{} {
		return nil
	}
	return &own
}

func hexByte(text string) byte {
	value, _ := strconv.ParseUint(text, 16, 8) // the patterns let nothing else through
	return byte(value)
}

func fromW3C(headers map[string]string) *SpanContext {
	match := traceparent.FindStringSubmatch(headers["traceparent"])
	if match == nil || match[1] == "ff" || match[1] == "00" && match[5] != "" {
		return nil
	}
	own := found(match[2], match[3], hexByte(match[4])&sampled)
	if own != nil {
		own.TraceState = headers["tracestate"]
	}
	return own
}

func fromJaeger(headers map[string]string) *SpanContext {
	match := uberTraceID.FindStringSubmatch(unescape(headers["uber-trace-id"]))
	if match == nil {
		return nil
	}
	return found(match[1], match[2], hexByte(match[3])&(sampled|debug))
}

func fromB3Single(headers map[string]string) *SpanContext {
	fields := strings.Split(strings.ToLower(headers["b3"]), "-")
	if len(fields) < 2 {
		return nil
	}
	return fromB3Fields(fields[0], fields[1], append(fields, "1")[2], "")
}

func fromB3(headers map[string]string) *SpanContext {
	traceID, spanID := strings.ToLower(headers["x-b3-traceid"]), strings.ToLower(headers["x-b3-spanid"])
	return fromB3Fields(traceID, spanID, strings.ToLower(headers["x-b3-sampled"]), headers["x-b3-flags"])
}

func fromB3Fields(traceID, spanID, decision, debugFlag string) *SpanContext {
	if !b3Trace.MatchString(traceID) || !b3Span.MatchString(spanID) {
		return nil
	}
	switch {
	case decision == "d" || debugFlag == "1":
		return found(traceID, spanID, sampled|debug)
	case decision == "0" || decision == "false":
		return found(traceID, spanID, 0)
	}
	return found(traceID, spanID, sampled)
}

func baggageOf(headers map[string]string) map[string]string {
	baggage := map[string]string{}
	put := func(key, value string) {
		if _, known := baggage[key]; key != "" && (known || len(baggage) < baggageItemsMax) {
			baggage[key] = value
		}
	}
	for key, value := range headers {
		if name, ok := strings.CutPrefix(key, uberBaggage); ok {
			put(name, unescape(value))
		}
	}
	// Jaeger's way to set baggage by hand.
	for _, item := range strings.Split(headers["jaeger-baggage"], ",") {
		if key, value, ok := strings.Cut(item, "="); ok {
			put(strings.TrimSpace(key), strings.TrimSpace(value))
		}
	}
	if text := headers["baggage"]; len(text) <= baggageBytesMax {
		for _, member := range strings.Split(text, ",") {
			pair, _, _ := strings.Cut(member, ";")
			if key, value, ok := strings.Cut(pair, "="); ok {
				put(unescape(strings.TrimSpace(key)), unescape(strings.TrimSpace(value)))
			}
		}
	}
	return baggage
}

// injectBinary writes the layout of Jaeger's Go client: trace ID, span ID, parent ID, flags, baggage.
func injectBinary(own SpanContext) []byte {
	out := append(append([]byte(nil), own.TraceID[:]...), own.SpanID[:]...)
	out = append(binary.BigEndian.AppendUint64(out, 0), own.Flags&(sampled|debug))
	out = binary.BigEndian.AppendUint32(out, uint32(len(own.baggage)))
	for key, value := range own.baggage {
		for _, text := range []string{key, value} {
			out = append(binary.BigEndian.AppendUint32(out, uint32(len(text))), text...)
		}
	}
	return out
}

// extractBinary refuses anything that is not whole.
func extractBinary(carrier io.Reader) (ot.SpanContext, error) {
	var head [binaryHeadBytes + 4]byte
	if _, err := io.ReadFull(carrier, head[:]); err != nil {
		if err == io.EOF {
			return nil, ot.ErrSpanContextNotFound
		}
		return nil, ot.ErrSpanContextCorrupted
	}
	own := SpanContext{Flags: head[32] & (sampled | debug), remote: true, baggage: map[string]string{}}
	copy(own.TraceID[:], head[:16])
	copy(own.SpanID[:], head[16:24])
	count := binary.BigEndian.Uint32(head[binaryHeadBytes:])
	if !own.isSpan() || own.SpanID == [8]byte{} || count > baggageItemsMax {
		return nil, ot.ErrSpanContextCorrupted
	}
	texts := make([]string, 0, 2*count)
	for range 2 * count {
		var length [4]byte
		if _, err := io.ReadFull(carrier, length[:]); err != nil {
			return nil, ot.ErrSpanContextCorrupted
		}
		size := binary.BigEndian.Uint32(length[:])
		if size > baggageTextBytes {
			return nil, ot.ErrSpanContextCorrupted
		}
		text := make([]byte, size)
		if _, err := io.ReadFull(carrier, text); err != nil {
			return nil, ot.ErrSpanContextCorrupted
		}
		texts = append(texts, string(text))
	}
	for index := 0; index < len(texts); index += 2 {
		own.baggage[texts[index]] = texts[index+1]
	}
	return own, nil
}
