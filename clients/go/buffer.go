// Package sigynbuffer keeps the newest finished spans of this process in a ring of fixed size, for Sigyn to
// read. It is not an exporter: it opens no connection, starts no goroutine, knows no collector, and never
// slows the app down when nobody reads.
//
//	buf := sigynbuffer.New(16 << 20)
//	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(buf.Processor()))
//	http.Handle("/debug/spans", buf)
package sigynbuffer

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sigyn-tracing/sigyn/clients/go/internal/otlp"
	"go.opentelemetry.io/otel/attribute"
)

// Path is where Sigyn looks for spans by default.
const Path = "/debug/spans"

// DefaultBytes hold about 40,000 spans of 400 bytes.
const DefaultBytes = 16 << 20

const (
	spanBytesMaxDefault = 64 << 10
	// Programs have a few scopes; what makes one per request must not cost memory.
	scopesMax = 256
	// Scratch space above this, left by one huge span, is not kept.
	scratchBytesMax = 1 << 20
)

// Buffer holds the newest finished spans of this process. Use one for one tracer provider: what it serves
// carries one Resource, the one set last. All methods may be called from any goroutine.
type Buffer struct {
	epoch        string
	spanBytesMax int
	uid          string
	now          func() time.Time
	scratch      sync.Pool
	dropped      atomic.Uint64
	reading      atomic.Int32
	waiting      atomic.Int32
	draining     atomic.Bool
	resource     atomic.Pointer[[]byte]
	keep         keep

	scopes struct {
		sync.RWMutex
		numbers map[string]uint16
		encoded [][]byte
	}

	// Everything below is behind this lock, which a writer holds for one copy.
	mutex    sync.Mutex
	ring     ring
	news     chan struct{} // closed when a span comes; nil while nobody waits
	fill     fillRate
	progress struct {
		confirmed, delivered uint64
		changed              chan struct{} // closed and replaced at each change
	}
}

// Option changes what New leaves at its default.
type Option func(*Buffer)

// WithSpanBytesMax says above how many encoded bytes a span is cut down; 64 KiB by default.
func WithSpanBytesMax(bytes int) Option {
	return func(b *Buffer) { b.spanBytesMax = bytes }
}

// WithUID sets the UID of the pod, as the downward API gives it: so a reader notices that an address has a
// new owner. What cannot stand in a header is not sent.
func WithUID(uid string) Option {
	return func(b *Buffer) {
		b.uid = uid
		for _, char := range uid {
			if char < ' ' || char > '~' {
				b.uid = ""
			}
		}
	}
}

// WithClock sets where the time in the header sigyn-time comes from; the system's clock by default.
func WithClock(now func() time.Time) Option {
	return func(b *Buffer) { b.now = now }
}

// New makes a buffer of at least 64 KiB. The memory is taken now, in full.
func New(bytes int, options ...Option) *Buffer {
	var epoch [16]byte
	_, _ = rand.Read(epoch[:]) // never fails
	b := &Buffer{
		epoch:        hex.EncodeToString(epoch[:]),
		spanBytesMax: spanBytesMaxDefault,
		now:          time.Now,
		ring:         newRing(bytes),
		fill:         fillRate{start: time.Now()},
	}
	b.scratch.New = func() any { return new([]byte) }
	b.scopes.numbers = map[string]uint16{}
	b.progress.changed = make(chan struct{})
	b.SetResource(nil, "")
	for _, option := range options {
		option(b)
	}
	b.spanBytesMax = max(min(b.spanBytesMax, len(b.ring.bytes)/8), otlp.SpanLimitBytesMin)
	return b
}

// SetResource sets what every answer says about this process; the processor calls it.
func (b *Buffer) SetResource(attributes []attribute.KeyValue, schemaURL string) {
	encoded := otlp.Resource(attributes, schemaURL)
	b.resource.Store(&encoded)
}

// Scope numbers an instrumentation scope. Beyond 256 scopes all the others are one without a name.
func (b *Buffer) Scope(name, version, schemaURL string, attributes []attribute.KeyValue) uint16 {
	encoded := otlp.Scope(name, version, schemaURL, attributes)
	b.scopes.RLock()
	number, ok := b.scopes.numbers[string(encoded)]
	full := len(b.scopes.encoded) >= scopesMax
	b.scopes.RUnlock()
	if ok {
		return number
	}
	if full {
		encoded = otlp.Scope("", "", "", nil)
	}
	b.scopes.Lock()
	defer b.scopes.Unlock()
	if number, ok = b.scopes.numbers[string(encoded)]; !ok {
		number = uint16(len(b.scopes.encoded))
		b.scopes.numbers[string(encoded)] = number
		b.scopes.encoded = append(b.scopes.encoded, encoded)
	}
	return number
}

func (b *Buffer) scopeOf(number uint16) []byte {
	b.scopes.RLock()
	defer b.scopes.RUnlock()
	return b.scopes.encoded[number]
}

// Record takes one finished span of a numbered scope. The processor and the OpenTracing tracer call it.
func (b *Buffer) Record(scope uint16, span *otlp.Span) {
	defer func() {
		if recover() != nil {
			// A span that cannot be encoded is counted, and is no reason for an app to fail.
			b.dropped.Add(1)
		}
	}()
	scratch := b.scratch.Get().(*[]byte)
	encoded := otlp.AppendSpan((*scratch)[:0], span, b.spanBytesMax)
	b.mutex.Lock()
	b.ring.push(scope, encoded)
	news := b.news
	b.news = nil
	b.mutex.Unlock()
	if news != nil {
		close(news)
	}
	if cap(encoded) <= scratchBytesMax {
		*scratch = encoded
		b.scratch.Put(scratch)
	}
}

// Stats says what the buffer has done so far and how full it is.
type Stats struct {
	Recorded    uint64 // spans written since the start
	Overwritten uint64 // of these, spans overwritten by newer ones, read or not
	Dropped     uint64 // spans that could not be written
	Bytes       int    // held now
	Capacity    int
	// How long new spans need to fill the whole ring at the present rate; infinite when none come.
	OverwriteSeconds float64
	Kept             int    // spans that exemplars point at, kept until a reader had them
	KeptGivenUp      uint64 // of these, spans that took more than their share
}

// Stats says what the buffer has done so far and how full it is.
func (b *Buffer) Stats() Stats {
	kept, givenUp := b.keep.totals()
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return Stats{
		Recorded:         b.ring.next,
		Overwritten:      b.ring.first,
		Dropped:          b.dropped.Load(),
		Bytes:            b.ring.held,
		Capacity:         len(b.ring.bytes),
		OverwriteSeconds: float64(len(b.ring.bytes)) / b.fill.look(b.ring.written),
		Kept:             kept,
		KeptGivenUp:      givenUp,
	}
}

// String is the value of the header sigyn-buffer.
func (s Stats) String() string {
	seconds := fmt.Sprintf("%.1f", s.OverwriteSeconds)
	if math.IsInf(s.OverwriteSeconds, 0) {
		seconds = "inf"
	} else if s.OverwriteSeconds < 10 {
		seconds = fmt.Sprintf("%.3f", s.OverwriteSeconds)
	}
	text := fmt.Sprintf("recorded=%d, overwritten=%d, dropped=%d, bytes=%d, capacity=%d, overwrite_seconds=%s",
		s.Recorded, s.Overwritten, s.Dropped, s.Bytes, s.Capacity, seconds)
	if s.Kept > 0 || s.KeptGivenUp > 0 {
		text += fmt.Sprintf(", kept=%d, kept_given_up=%d", s.Kept, s.KeptGivenUp)
	}
	return text
}

// fillRate measures bytes a second between looks: the larger of the last window and the one that is running,
// because a reader that comes too early loses nothing.
type fillRate struct {
	start      time.Time
	startBytes uint64
	last       float64
}

func (f *fillRate) look(written uint64) float64 {
	passed := time.Since(f.start).Seconds()
	bytes := float64(written - f.startBytes)
	if passed < 1 {
		return max(f.last, bytes)
	}
	f.start, f.startBytes, f.last = time.Now(), written, bytes/passed
	return f.last
}
