// Package vectors reads clients/vectors for the tests.
package vectors

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"go.opentelemetry.io/otel/attribute"
)

// Attribute is one of a vector.
type Attribute struct {
	Key   string
	Type  string
	Value json.RawMessage
}

// Load decodes one file.
func Load(t testing.TB, name string, into any) {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	data, err := os.ReadFile(filepath.Join(filepath.Dir(here), "../../../vectors", name))
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Plain gives what the app would say.
func (a Attribute) Plain() any {
	switch a.Type {
	case "int":
		return number(as[string](a.Value))
	case "double":
		if a.Value[0] == '"' {
			if as[string](a.Value) == "NaN" {
				return math.Float64frombits(0x7ff8000000000000) // as other languages write it
			}
			return math.Inf(1)
		}
		return as[float64](a.Value)
	case "bool":
		return as[bool](a.Value)
	case "bytes":
		bytes, _ := hex.DecodeString(as[string](a.Value))
		return bytes
	case "strings":
		return as[[]string](a.Value)
	case "bools":
		return as[[]bool](a.Value)
	case "doubles":
		return as[[]float64](a.Value)
	case "ints":
		var numbers []int64
		for _, text := range as[[]string](a.Value) {
			numbers = append(numbers, number(text))
		}
		return numbers
	}
	return as[string](a.Value)
}

// KeyValues gives attributes of OpenTelemetry.
func KeyValues(list []Attribute) []attribute.KeyValue {
	var pairs []attribute.KeyValue
	for _, each := range list {
		var value attribute.Value
		switch given := each.Plain().(type) {
		case string:
			value = attribute.StringValue(given)
		case bool:
			value = attribute.BoolValue(given)
		case int64:
			value = attribute.Int64Value(given)
		case float64:
			value = attribute.Float64Value(given)
		case []byte:
			value = attribute.ByteSliceValue(given)
		case []string:
			value = attribute.StringSliceValue(given)
		case []bool:
			value = attribute.BoolSliceValue(given)
		case []int64:
			value = attribute.Int64SliceValue(given)
		case []float64:
			value = attribute.Float64SliceValue(given)
		}
		pairs = append(pairs, attribute.KeyValue{Key: attribute.Key(each.Key), Value: value})
	}
	return pairs
}

func number(text string) int64 {
	value, _ := strconv.ParseInt(text, 10, 64)
	return value
}

func as[T any](raw json.RawMessage) T {
	var value T
	if err := json.Unmarshal(raw, &value); err != nil {
		panic(err)
	}
	return value
}
