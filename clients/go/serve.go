package sigynbuffer

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	waitingMax = 4
	readingMax = 8
	// After the first span of a long poll, so that a busy app does not answer for each span alone.
	gather = 25 * time.Millisecond
	// The ring is locked for copying this much.
	sliceBytes = 64 << 10
)

// ServeHTTP answers a reader (docs/format/pull-protocol.md).
func (b *Buffer) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	err := b.serve(writer, request)
	var refused *refusal
	if !errors.As(err, &refused) {
		return
	}
	header := writer.Header()
	header.Set("content-type", "text/plain; charset=utf-8")
	header.Set("cache-control", "no-store")
	switch refused.status {
	case http.StatusMethodNotAllowed:
		header.Set("allow", "GET, HEAD")
	case http.StatusTooManyRequests:
		header.Set("retry-after", "1")
	}
	writer.WriteHeader(refused.status)
	fmt.Fprintln(writer, refused.text)
}

func (b *Buffer) serve(writer http.ResponseWriter, request *http.Request) error {
	asked, err := parsePull(request)
	if err != nil {
		return err
	}
	if b.reading.Add(1); b.reading.Load() > readingMax {
		b.reading.Add(-1)
		return &refusal{http.StatusTooManyRequests, "as many readers as this buffer allows are reading now: read later"}
	}
	defer b.reading.Add(-1)
	if asked.traces != nil {
		content, more := b.find(asked.traces, asked.maxBytes)
		writer.Header().Set("sigyn-filter", "trace_id")
		b.respond(writer, request, asked, content, more)
		return nil
	}
	position, known, err := b.position(asked.cursor)
	if err != nil {
		return err
	}
	if known {
		if asked.cursor != nil {
			b.keep.reached(position)
			if b.counts(asked) {
				b.reached(&b.progress.confirmed, position)
			}
		}
		final := asked.drain && b.draining.Load()
		if asked.wait > 0 && !final {
			if err := b.waitForNews(request.Context(), position, asked.wait); err != nil {
				return err
			}
		}
	}
	read := b.read(position, asked.maxBytes)
	if b.counts(asked) {
		b.reached(&b.progress.delivered, read.reached)
	}
	lost := strconv.FormatUint(read.lost, 10)
	if !known {
		lost = "unknown"
	} else if asked.cursor == nil {
		lost = "0"
	}
	writer.Header().Set("sigyn-cursor", fmt.Sprintf("1.%s.%x", b.epoch, read.reached))
	writer.Header().Set("sigyn-lost", lost)
	b.respond(writer, request, asked, read.body, read.more)
	return nil
}

func (b *Buffer) respond(writer http.ResponseWriter, request *http.Request, asked pull, content []byte, more bool) {
	header := writer.Header()
	header.Set("content-type", "application/x-protobuf")
	header.Set("cache-control", "no-store")
	header.Set("vary", "accept-encoding")
	header.Set("sigyn-more", map[bool]string{false: "0", true: "1"}[more])
	header.Set("sigyn-time", strconv.FormatInt(b.now().UnixNano(), 10))
	stats := b.Stats().String()
	if b.draining.Load() {
		stats += ", draining=1"
	}
	header.Set("sigyn-buffer", stats)
	if b.uid != "" {
		header.Set("sigyn-uid", b.uid)
	}
	if asked.coding != "" && len(content) > 0 {
		header.Set("content-encoding", asked.coding)
		if request.Method == http.MethodHead {
			return
		}
		content = compressed(asked.coding, content)
	}
	header.Set("content-length", strconv.Itoa(len(content)))
	if request.Method != http.MethodHead {
		_, _ = writer.Write(content) // a reader that went away comes again
	}
}

// Encoders are kept: each takes a megabyte or two, and some time to make.
var encoders = sync.Pool{New: func() any {
	// It refuses unknown options only.
	encoder, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	return encoder
}}

// compressed uses the fastest levels: bytes on the wire are cheap beside a pod's share of a core.
func compressed(coding string, content []byte) []byte {
	if coding == "zstd" {
		encoder := encoders.Get().(*zstd.Encoder)
		defer encoders.Put(encoder)
		return encoder.EncodeAll(content, nil)
	}
	var out bytes.Buffer
	zipper, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed) // fails for unknown levels only
	_, _ = zipper.Write(content)
	_ = zipper.Close()
	return out.Bytes()
}

// position says where to go on; a cursor of another life is not known. It refuses one that cannot be right.
func (b *Buffer) position(asked *cursor) (position uint64, known bool, err error) {
	if asked == nil {
		return 0, true, nil
	}
	if asked.epoch != b.epoch {
		return 0, false, nil
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if len(asked.positions) != 1 || asked.positions[0] > b.ring.next {
		return 0, true, bad(ahead)
	}
	return asked.positions[0], true, nil
}

// counts says whether the reader is one to wait for: it says so, or the buffer drains and it has a cursor.
func (b *Buffer) counts(asked pull) bool {
	return asked.drain || (b.draining.Load() && asked.cursor != nil)
}

func (b *Buffer) waitForNews(ctx context.Context, position uint64, wait time.Duration) error {
	b.mutex.Lock()
	if b.ring.next > position {
		b.mutex.Unlock()
		return nil
	}
	if b.news == nil {
		b.news = make(chan struct{})
	}
	news := b.news
	b.mutex.Unlock()
	if b.waiting.Add(1) > waitingMax {
		b.waiting.Add(-1)
		return &refusal{http.StatusTooManyRequests, "as many readers as this buffer allows are waiting already: read without wait, or later"}
	}
	defer b.waiting.Add(-1)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-news:
		if !b.draining.Load() {
			time.Sleep(min(gather, wait))
		}
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}

type reading struct {
	body          []byte
	reached, lost uint64
	more          bool
}

// read takes spans from a position on; it changes nothing.
func (b *Buffer) read(position uint64, bytesMax int) reading {
	growing := newBody(*b.resource.Load(), bytesMax)
	var out reading
	var slice []byte
	b.mutex.Lock()
	first, until := b.ring.first, b.ring.next
	b.mutex.Unlock()
	out.reached = position
	full := false
	for _, kept := range b.keep.between(position, first) {
		out.lost += kept.sequence - out.reached
		out.reached = kept.sequence
		if full = !growing.offer(kept.scope, b.scopeOf(kept.scope), kept.span); full {
			break
		}
		out.reached++
	}
	for !full && out.reached < until {
		b.mutex.Lock()
		if gone := b.ring.first; gone > out.reached {
			out.lost += gone - out.reached
			out.reached = gone
		}
		var count int
		slice, count = b.ring.copyFrom(out.reached, min(sliceBytes, growing.roomBytes), slice[:0])
		b.mutex.Unlock()
		b.scopes.RLock()
		scopes := b.scopes.encoded
		b.scopes.RUnlock()
		for rest := slice; count > 0; count-- {
			number, span, after := nextEntry(rest)
			if full = !growing.offer(number, scopes[number], span); full {
				break
			}
			rest = after
			out.reached++
		}
	}
	out.body, out.more = growing.finish(), out.reached < until
	return out
}

// Serve serves Path on an address of its own ("0.0.0.0:9464"; port 0 takes any free one) until the process
// ends or the server is closed. With a token, readers must send it as "authorization: Bearer …".
func (b *Buffer) Serve(address, token string) (*http.Server, error) {
	return b.ServeTLS(address, token, nil)
}

// ServeTLS is Serve over HTTPS, with the certificates of a configuration; with none it is Serve.
func (b *Buffer) ServeTLS(address, token string, config *tls.Config) (*http.Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	bound := listener.Addr().String()
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	mux := http.NewServeMux()
	mux.Handle(Path, RequireToken(token, b))
	server := &http.Server{
		Addr:              bound,
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      waitMax + 30*time.Second,
		IdleTimeout:       75 * time.Second,
		MaxHeaderBytes:    8 << 10,
	}
	go func() { _ = server.Serve(listener) }()
	return server, nil
}

// RequireToken lets only those through who send the token as "authorization: Bearer …"; an empty one, all.
func RequireToken(token string, handler http.Handler) http.Handler {
	if token == "" {
		return handler
	}
	return http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		given := []byte(request.Header.Get("authorization"))
		if subtle.ConstantTimeCompare(given, []byte("Bearer "+token)) != 1 {
			writer.Header().Set("www-authenticate", "Bearer")
			http.Error(writer, "a bearer token is needed to read spans", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(writer, request)
	})
}
