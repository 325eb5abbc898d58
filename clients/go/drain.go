package sigynbuffer

import (
	"bytes"
	"context"
	"net/http"
	"time"
)

const (
	// How long an answer that delivered everything waits for the request that says it arrived.
	confirmationGrace = time.Second
	// The request that confirms is still to be answered.
	farewell     = 50 * time.Millisecond
	pushBytesMax = 2 << 20
	pushTimeout  = 3 * time.Second
)

// DrainTimeout is enough for the usual scrape interval, and far below the usual grace period.
const DrainTimeout = 5 * time.Second

// Drained says how waiting for the last reader ended.
type Drained string

const (
	// Confirmed: a reader came back with a cursor behind the last span.
	Confirmed Drained = "confirmed"
	// Delivered: everything was sent to a reader that did not come back to say so.
	Delivered Drained = "delivered"
	// Unread: time is up.
	Unread Drained = "unread"
	// Pushed: what was unread went to the OTLP address.
	Pushed Drained = "pushed"
)

// StartDraining says that the process is about to end: readers that wait are answered at once. Spans are
// still recorded and served.
func (b *Buffer) StartDraining() {
	b.draining.Store(true)
	b.mutex.Lock()
	news := b.news
	b.news = nil
	b.mutex.Unlock()
	if news != nil {
		close(news)
	}
}

// WaitDrained waits until a reader has everything, or the context is done.
func (b *Buffer) WaitDrained(ctx context.Context) Drained {
	var grace <-chan time.Time
	for {
		state, changed := b.drainState()
		switch {
		case state == Confirmed || ctx.Err() != nil:
			return state
		case state == Delivered && grace == nil:
			grace = time.After(confirmationGrace)
		case state == Unread:
			grace = nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		case <-grace:
			return state
		}
	}
}

// Drain is StartDraining and WaitDrained; then, if something is unread and pushTo is an OTLP address
// ("http://collector:4318/v1/traces"), that is pushed there. Call it after the provider's shutdown and before the
// server goes away.
func (b *Buffer) Drain(ctx context.Context, pushTo string) Drained {
	b.StartDraining()
	state := b.WaitDrained(ctx)
	if state == Confirmed {
		time.Sleep(farewell)
	} else if pushTo != "" && b.push(pushTo) {
		return Pushed
	}
	return state
}

func (b *Buffer) drainState() (Drained, <-chan struct{}) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	progress := &b.progress
	switch {
	case b.ring.next <= progress.confirmed:
		return Confirmed, progress.changed
	case b.ring.next <= progress.delivered:
		return Delivered, progress.changed
	}
	return Unread, progress.changed
}

func (b *Buffer) reached(what *uint64, position uint64) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	*what = max(*what, position)
	close(b.progress.changed)
	b.progress.changed = make(chan struct{})
}

// push sends what nobody has read, in one attempt: the process is ending.
func (b *Buffer) push(url string) bool {
	client := http.Client{Timeout: pushTimeout}
	b.mutex.Lock()
	position := b.progress.confirmed
	b.mutex.Unlock()
	for {
		read := b.read(position, pushBytesMax)
		if len(read.body) == 0 {
			return true
		}
		response, err := client.Post(url, "application/x-protobuf", bytes.NewReader(read.body))
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		if response.StatusCode >= 300 {
			return false
		}
		if position = read.reached; !read.more {
			return true
		}
	}
}
