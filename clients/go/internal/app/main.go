// Command app is a service under load for the rolling restarts (clients/rolling).
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	sigynbuffer "github.com/sigyn-tracing/sigyn/clients/go"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

func main() {
	ending, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	buf := sigynbuffer.New(sigynbuffer.DefaultBytes)
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(buf.Processor()))
	tracer := provider.Tracer("rolling")
	if _, err := buf.Serve("127.0.0.1:"+os.Args[1], ""); err != nil {
		panic(err)
	}
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for ending.Err() == nil {
				ctx, span := tracer.Start(context.Background(), "request")
				for range 4 {
					_, query := tracer.Start(ctx, "query")
					query.End()
				}
				span.End()
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	workers.Wait()
	limit, cancel := context.WithTimeout(context.Background(), sigynbuffer.DrainTimeout)
	defer cancel()
	drained := buf.Drain(limit, "")
	fmt.Printf("{\"recorded\": %d, \"drain\": %q}\n", buf.Stats().Recorded, drained)
}
