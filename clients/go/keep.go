package sigynbuffer

import (
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Spans that an exemplar points at are kept past their place in the ring until a reader had them. Recording knows
// nothing of this: who shows metrics looks the spans of its exemplars up in the ring and puts copies here, and a read
// from before the oldest span held finds them.

const (
	// Exemplars of one page that are looked up at most.
	keptTracesMax = 10_000
	// Copies take at most this part of the capacity, beside the ring.
	capacityPerKept = 8
	// What a copy takes with its places in the collections, roughly.
	keptOverheadBytes = 128
)

// How apps write the label that names a trace.
var (
	traceLabel  = regexp.MustCompile(`(?:^|[, "])(?:trace_id|traceID|TraceID|traceId)"*="([0-9a-fA-F]{1,32})"`)
	traceDigits = regexp.MustCompile(`^[0-9a-fA-F]{1,32}$`)
)

type traceID [16]byte

type traceSet map[traceID]struct{}

func (s traceSet) has(id traceID) bool {
	_, ok := s[id]
	return ok
}

// parseTraceID reads 1 to 32 hexadecimal digits; leading zeros may be missing.
func parseTraceID(text string) (id traceID, ok bool) {
	if !traceDigits.MatchString(text) {
		return id, false
	}
	_, _ = hex.Decode(id[:], []byte(strings.Repeat("0", 32-len(text))+text)) // only digits, and 32 of them
	return id, id != traceID{}
}

// traceOf is the trace of an encoded span: trace_id is its first field, behind a tag and a length.
func traceOf(span []byte) traceID {
	return traceID(span[2:18])
}

// exemplarTraces is not a parser of the format: a text that only looks like an exemplar costs one look-up.
func exemplarTraces(openMetrics string) traceSet {
	traces := traceSet{}
	for line := range strings.Lines(openMetrics) {
		at := strings.LastIndex(line, " # {")
		if at < 0 || line[0] == '#' {
			continue
		}
		if found := traceLabel.FindStringSubmatch(line[at+4:]); found != nil {
			if id, ok := parseTraceID(found[1]); ok {
				traces[id] = struct{}{}
			}
		}
		if len(traces) == keptTracesMax {
			break
		}
	}
	return traces
}

type keptSpan struct {
	sequence uint64
	scope    uint16
	span     []byte
}

func (k *keptSpan) bytes() int { return len(k.span) + keptOverheadBytes }

// keep holds the copies, and how far readers have come. Its lock is taken before the buffer's, never after.
type keep struct {
	sync.Mutex
	traces  traceSet   // what the last page pointed at
	looked  uint64     // up to where these were looked for
	had     uint64     // a reader that came back has everything before
	spans   []keptSpan // the oldest copy first
	bytes   int
	givenUp uint64
}

// KeepExemplars keeps the spans that the exemplars of an OpenMetrics page point at until a reader had them, also those
// that end while the exemplar is still shown: call it with every page. What is kept takes at most an eighth of the
// capacity, beside the ring. Recording a span costs the same as without.
func (b *Buffer) KeepExemplars(openMetrics string) {
	traces := exemplarTraces(openMetrics)
	k := &b.keep
	k.Lock()
	defer k.Unlock()
	fresh := traceSet{}
	for id := range traces {
		if !k.traces.has(id) {
			fresh[id] = struct{}{}
		}
	}
	k.traces = traces
	k.spans = slices.DeleteFunc(k.spans, func(kept keptSpan) bool {
		if kept.sequence >= k.had {
			return false
		}
		k.bytes -= kept.bytes()
		return true
	})
	from := k.looked
	if len(fresh) > 0 {
		from = 0
	}
	looked := k.looked
	k.looked = b.walk(max(from, k.had), func(sequence uint64, scope uint16, span []byte) bool {
		wanted := traces
		if sequence < looked {
			wanted = fresh
		}
		known := func(kept keptSpan) bool { return kept.sequence == sequence }
		if wanted.has(traceOf(span)) && !slices.ContainsFunc(k.spans, known) {
			kept := keptSpan{sequence, scope, slices.Clone(span)}
			k.spans = append(k.spans, kept)
			k.bytes += kept.bytes()
		}
		return true
	})
	for k.bytes > len(b.ring.bytes)/capacityPerKept {
		k.bytes -= k.spans[0].bytes()
		k.spans = k.spans[1:]
		k.givenUp++
	}
}

// reached notes that a reader has everything before this position.
func (k *keep) reached(position uint64) {
	k.Lock()
	defer k.Unlock()
	k.had = max(k.had, position)
}

// between gives the copies of a range of sequence numbers, oldest first.
func (k *keep) between(begin, until uint64) []keptSpan {
	k.Lock()
	defer k.Unlock()
	var found []keptSpan
	for _, kept := range k.spans {
		if begin <= kept.sequence && kept.sequence < until {
			found = append(found, kept)
		}
	}
	slices.SortFunc(found, func(one, other keptSpan) int { return int(one.sequence) - int(other.sequence) })
	return found
}

func (k *keep) totals() (kept int, givenUp uint64) {
	k.Lock()
	defer k.Unlock()
	return len(k.spans), k.givenUp
}

// walk shows every entry from a position on that is held when its turn comes, a slice at a time, until visit returns
// false; it returns the number after the last that was held at the start.
func (b *Buffer) walk(position uint64, visit func(sequence uint64, scope uint16, span []byte) bool) uint64 {
	var slice []byte
	b.mutex.Lock()
	until := b.ring.next
	b.mutex.Unlock()
	for position < until {
		b.mutex.Lock()
		position = max(position, b.ring.first)
		var count int
		slice, count = b.ring.copyFrom(position, sliceBytes, slice[:0])
		b.mutex.Unlock()
		for rest := slice; count > 0 && position < until; count-- {
			scope, span, after := nextEntry(rest)
			if !visit(position, scope, span) {
				return until
			}
			rest = after
			position++
		}
	}
	return until
}

// find gives all that is held of some traces, wherever readers stand.
func (b *Buffer) find(traces traceSet, bytesMax int) (content []byte, more bool) {
	growing := newBody(*b.resource.Load(), bytesMax)
	take := func(sequence uint64, scope uint16, span []byte) bool {
		more = traces.has(traceOf(span)) && !growing.offer(scope, b.scopeOf(scope), span)
		return !more
	}
	b.mutex.Lock()
	first := b.ring.first
	b.mutex.Unlock()
	for _, kept := range b.keep.between(0, first) {
		if !take(kept.sequence, kept.scope, kept.span) {
			return growing.finish(), more
		}
	}
	b.walk(first, take)
	return growing.finish(), more
}
