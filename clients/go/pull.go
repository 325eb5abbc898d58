package sigynbuffer

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	maxBytesDefault = 4 << 20
	maxBytesMax     = 16 << 20
	waitMax         = 30 * time.Second
	quotedCharsMax  = 40
	tokenBytesMax   = 2048
	// Traces of one question at most.
	tracesMax = 64
)

const (
	malformed = "the cursor is not one that a span buffer gives out: pass back the sigyn-cursor header as it came, or leave it away to begin with the oldest span"
	ahead     = "the cursor points past what this buffer has recorded: leave it away to begin with the oldest span"
)

var (
	cursorToken  = regexp.MustCompile(`^1\.([0-9a-f]{32})((?:\.[0-9a-f]{1,16})+)$`)
	durationText = regexp.MustCompile(`^(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|ms|s|m|h|d))+$`)
	durationPart = regexp.MustCompile(`([0-9.]+)([a-zµ]+)`)
	wholeNumber  = regexp.MustCompile(`^[0-9]+$`)
	unitMillis   = map[string]float64{"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1, "s": 1e3, "m": 60e3, "h": 3600e3, "d": 86400e3}
)

// cursor is where a reader stands: an epoch and, for each shard of the ring, the first span not yet seen.
type cursor struct {
	epoch     string
	positions []uint64
}

// pull is a request, read but not yet answered.
type pull struct {
	cursor   *cursor
	maxBytes int
	wait     time.Duration
	drain    bool
	traces   traceSet // all that is held of these instead of what is new
	coding   string   // of the body: zstd, gzip, or none
}

// refusal is a status and the sentence that says why.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

func bad(format string, arguments ...any) *refusal {
	return &refusal{http.StatusBadRequest, fmt.Sprintf(format, arguments...)}
}

// parsePull leaves unknown parameters alone, so that later readers can say more.
func parsePull(request *http.Request) (pull, error) {
	asked := pull{maxBytes: maxBytesDefault}
	if request.Method != http.MethodGet && request.Method != http.MethodHead {
		text := fmt.Sprintf("spans are read with GET or HEAD, not with %s", request.Method)
		return asked, &refusal{http.StatusMethodNotAllowed, text}
	}
	named := 0
	asked.coding = chooseCoding(request.Header.Values("accept-encoding"))
	for _, pair := range strings.Split(request.URL.RawQuery, "&") {
		name, escaped, _ := strings.Cut(pair, "=")
		value, err := url.PathUnescape(escaped)
		if err != nil {
			value = escaped // refused by whoever reads it
		}
		switch name {
		case "cursor":
			if value == "" {
				continue
			}
			if asked.cursor = parseCursor(value); asked.cursor == nil {
				return asked, bad(malformed)
			}
		case "max_bytes":
			if !wholeNumber.MatchString(value) {
				return asked, bad("max_bytes is a number of bytes such as 4194304, not %s", quote(value))
			}
			number, err := strconv.Atoi(value)
			if err != nil || number > maxBytesMax {
				number = maxBytesMax // too large for the type is too large for the limit
			}
			asked.maxBytes = number
		case "wait":
			wait, ok := parseDuration(value)
			if !ok {
				return asked, bad("wait is a duration such as 10s or 500ms, not %s", quote(value))
			}
			asked.wait = min(wait, waitMax)
		case "drain":
			switch value {
			case "1", "true":
				asked.drain = true
			case "0", "false", "":
				asked.drain = false
			default:
				return asked, bad("drain is 1 or 0, not %s", quote(value))
			}
		case "trace_id":
			if asked.traces == nil {
				asked.traces = traceSet{}
			}
			for _, text := range strings.Split(value, ",") {
				id, ok := parseTraceID(text)
				if !ok {
					return asked, bad("trace_id is 1 to 32 hexadecimal digits, or several of these with commas between them, not %s", quote(text))
				}
				asked.traces[id] = struct{}{}
				named++
			}
			if named > tracesMax {
				return asked, bad("%d traces are more than the %d that one read may ask for", named, tracesMax)
			}
		}
	}
	return asked, nil
}

func parseCursor(token string) *cursor {
	if len(token) > tokenBytesMax {
		return nil
	}
	match := cursorToken.FindStringSubmatch(token)
	if match == nil {
		return nil
	}
	parsed := &cursor{epoch: match[1]}
	for _, field := range strings.Split(match[2][1:], ".") {
		position, err := strconv.ParseUint(field, 16, 64)
		if err != nil {
			return nil
		}
		parsed.positions = append(parsed.positions, position)
	}
	return parsed
}

// parseDuration reads 10s, 1m30s, 1.5s, 500ms, 1d; 0 needs no unit.
func parseDuration(text string) (time.Duration, bool) {
	if text == "0" {
		return 0, true
	}
	if !durationText.MatchString(text) {
		return 0, false
	}
	millis := 0.0
	for _, part := range durationPart.FindAllStringSubmatch(text, -1) {
		number, err := strconv.ParseFloat(part[1], 64)
		if err != nil && math.IsNaN(number) {
			return 0, false
		}
		millis += number * unitMillis[part[2]]
	}
	return time.Duration(min(millis, float64(waitMax/time.Millisecond)) * float64(time.Millisecond)), true
}

func quote(value string) string {
	if runes := []rune(value); len(runes) > quotedCharsMax {
		value = string(runes[:quotedCharsMax])
	}
	return strconv.Quote(value)
}

// chooseCoding takes zstd before gzip before none; any weight above 0 will do.
func chooseCoding(headers []string) string {
	allowed := map[string]bool{}
	for _, item := range strings.Split(strings.ToLower(strings.Join(headers, ",")), ",") {
		coding, parameter, _ := strings.Cut(item, ";")
		name, weight, _ := strings.Cut(parameter, "=")
		value, err := strconv.ParseFloat(strings.TrimSpace(weight), 64)
		if strings.TrimSpace(name) != "q" || err != nil || value > 0 {
			allowed[strings.TrimSpace(coding)] = true
		}
	}
	switch {
	case allowed["zstd"]:
		return "zstd"
	case allowed["gzip"] || allowed["x-gzip"]:
		return "gzip"
	}
	return ""
}
