package sigynbuffer

import "encoding/binary"

const (
	capacityBytesMin = 64 << 10
	// Length (4 bytes) and scope number (2) stand in front of an entry; entries begin at multiples of 8.
	headerBytes = 8
)

// ring holds the newest entries in a fixed number of bytes, each with a sequence number. The buffer's lock
// is around it.
type ring struct {
	bytes      []byte
	head, tail int
	held       int
	written    uint64
	first      uint64 // sequence number of the oldest entry held
	next       uint64 // sequence number that the next entry will get
	mark       mark
}

// mark is where the last reader stopped, so that it need not be looked for from the oldest entry on.
type mark struct {
	sequence uint64
	offset   int
}

func newRing(capacityBytes int) ring {
	return ring{bytes: make([]byte, max(capacityBytes/headerBytes*headerBytes, capacityBytesMin))}
}

// push appends an entry and overwrites the oldest ones as far as it needs their place.
func (r *ring) push(scope uint16, span []byte) {
	size := framed(len(span))
	for r.held+size > len(r.bytes) {
		evicted := r.sizeAt(r.tail)
		r.tail = r.wrap(r.tail + evicted)
		r.held -= evicted
		r.first++
	}
	binary.LittleEndian.PutUint32(r.bytes[r.head:], uint32(len(span)))
	binary.LittleEndian.PutUint16(r.bytes[r.head+4:], scope)
	count := copy(r.bytes[r.wrap(r.head+headerBytes):], span)
	copy(r.bytes, span[count:])
	r.head = r.wrap(r.head + size)
	r.held += size
	r.written += uint64(size)
	r.next++
}

// copyFrom appends whole entries to out, beginning with sequence, until bytesMax is passed, and returns how
// many. The entry must be held, or be the next one.
func (r *ring) copyFrom(sequence uint64, bytesMax int, out []byte) ([]byte, int) {
	at, number, count := r.tail, r.first, 0
	if r.first <= r.mark.sequence && r.mark.sequence <= sequence {
		at, number = r.mark.offset, r.mark.sequence
	}
	for ; number < sequence; number++ {
		at = r.wrap(at + r.sizeAt(at))
	}
	size := 0
	for end := at; sequence+uint64(count) < r.next && size <= bytesMax; count++ {
		entry := r.sizeAt(end)
		size += entry
		end = r.wrap(end + entry)
	}
	r.mark = mark{sequence + uint64(count), r.wrap(at + size)}
	before := min(size, len(r.bytes)-at)
	out = append(out, r.bytes[at:at+before]...)
	return append(out, r.bytes[:size-before]...), count
}

// nextEntry takes the first entry off what copyFrom copied.
func nextEntry(copied []byte) (scope uint16, span, rest []byte) {
	length := int(binary.LittleEndian.Uint32(copied))
	scope = binary.LittleEndian.Uint16(copied[4:])
	return scope, copied[headerBytes : headerBytes+length], copied[framed(length):]
}

func (r *ring) sizeAt(offset int) int {
	return framed(int(binary.LittleEndian.Uint32(r.bytes[offset:])))
}

func (r *ring) wrap(offset int) int {
	if offset >= len(r.bytes) {
		return offset - len(r.bytes)
	}
	return offset
}

func framed(length int) int {
	return headerBytes + (length+headerBytes-1)/headerBytes*headerBytes
}
