package opentracing

import (
	"context"
	"encoding/hex"
	"net"
	"testing"

	"github.com/grpc-ecosystem/grpc-opentracing/go/otgrpc"
	ot "github.com/opentracing/opentracing-go"
	sigynbuffer "github.com/sigyn-tracing/sigyn/clients/go"
	"github.com/sigyn-tracing/sigyn/clients/go/internal/otlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// otgrpc is from 2017 and archived; a call over a real connection goes through its interceptors on both sides.
func TestOtgrpcWorksUnmodified(t *testing.T) {
	buffer := sigynbuffer.New(0)
	tracer := NewTracer("shop", buffer)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(
		grpc.UnaryInterceptor(otgrpc.OpenTracingServerInterceptor(tracer)),
		grpc.StreamInterceptor(otgrpc.OpenTracingStreamServerInterceptor(tracer)),
	)
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(listener) }()
	connection, err := grpc.NewClient(listener.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(otgrpc.OpenTracingClientInterceptor(tracer, otgrpc.LogPayloads())),
		grpc.WithStreamInterceptor(otgrpc.OpenTracingStreamClientInterceptor(tracer)),
	)
	if err != nil {
		t.Fatal(err)
	}
	root := tracer.StartSpan("checkout").SetBaggageItem("user", "7")
	ctx := ot.ContextWithSpan(context.Background(), root)
	if _, err = grpc_health_v1.NewHealthClient(connection).Check(ctx, &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	connection.Close()
	server.GracefulStop()
	root.Finish()

	client, served := map[string]string{}, map[string]string{}
	for _, span := range spansIn(body(buffer)) {
		switch span["kind"] {
		case "client":
			client = span
		case "server":
			served = span
		}
	}
	own := root.Context().(SpanContext)
	const method = "/grpc.health.v1.Health/Check"
	for _, each := range [][3]string{
		{"client name", client["name"], method},
		{"client parent", client["parent"], hex.EncodeToString(own.SpanID[:])},
		{"server name", served["name"], method},
		{"server parent", served["parent"], client["id"]},
		{"server trace", served["trace"], hex.EncodeToString(own.TraceID[:])},
	} {
		if each[1] != each[2] {
			t.Errorf("%s is %q, not %q", each[0], each[1], each[2])
		}
	}
}

// spansIn gives name, kind and IDs of each span of a body.
func spansIn(body []byte) (spans []map[string]string) {
	kinds := map[uint64]string{1: "internal", 2: "server", 3: "client"}
	each := func(message []byte, wanted int, visit func([]byte)) {
		otlp.Fields(message, func(field otlp.Field) {
			if field.Number == wanted {
				visit(field.Content)
			}
		})
	}
	each(body, 1, func(resourceSpans []byte) {
		each(resourceSpans, 2, func(scopeSpans []byte) {
			each(scopeSpans, 2, func(span []byte) {
				found := map[string]string{}
				otlp.Fields(span, func(field otlp.Field) {
					switch field.Number {
					case 1, 2, 4:
						name := map[int]string{1: "trace", 2: "id", 4: "parent"}[field.Number]
						found[name] = hex.EncodeToString(field.Content)
					case 5:
						found["name"] = string(field.Content)
					case 6:
						found["kind"] = kinds[field.Value]
					}
				})
				spans = append(spans, found)
			})
		})
	})
	return spans
}
