package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// The format of traces, version 4, which .NET Core 3.0 and all later versions send:
// https://github.com/microsoft/perfview/blob/main/src/TraceEvent/EventPipe/NetTraceFormat_v5.md
const (
	traceStart = "Nettrace\x14\x00\x00\x00!FastSerialization.1"

	tagEnd, tagObject, tagObjectEnd = 1, 5, 6 // NullReference, BeginPrivateObject, EndObject

	traceHeaderSize = 48
	longestName     = 64       // of a kind of block
	largestBlock    = 64 << 20 // a runtime fills blocks of 100 KiB
	mostDescribed   = 64 << 20 // bytes of all descriptions of events
	mostThreads     = 1 << 20
	mostFrames      = 1 << 22 // between two sequence points
	deepestFields   = 8
	mostFields      = 1 << 12

	compressedHeaders = 1 // flag of a block
)

// eventKind describes the events with one metadata ID.
type eventKind struct {
	provider string
	id       uint32
	name     string
	fields   []field
}

// event is one event. Its stack has the addresses of the innermost frame first. It is valid during the call only.
type event struct {
	kind   *eventKind
	thread uint64
	stack  []uint64
	data   []byte
}

// traceReader reads a trace while it arrives, and passes each event to handle. Its memory is limited.
type traceReader struct {
	handle func(event) error
	lost   uint64 // events that the runtime dropped, because its buffer was full
	offset int64

	source    *bufio.Reader
	block     []byte
	kinds     map[uint32]*eventKind
	described int // bytes of the descriptions in kinds
	stacks    map[uint32][]uint64
	frames    int
	numbers   map[uint64]uint32 // the last sequence number of each thread
}

// read reads until the trace ends.
func (t *traceReader) read(from io.Reader) error {
	t.source = bufio.NewReaderSize(from, 1<<18)
	t.kinds, t.stacks, t.numbers = map[uint32]*eventKind{}, map[uint32][]uint64{}, map[uint64]uint32{}
	err := t.readObjects()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the trace ends early, after %d bytes: the process has ended, or crashed", t.offset)
	}
	if err != nil {
		return fmt.Errorf("the trace, at byte %d: %w", t.offset, err)
	}
	return nil
}

func (t *traceReader) readObjects() error {
	start, err := t.next(len(traceStart))
	if err != nil {
		return err
	}
	if string(start) != traceStart {
		return errors.New("it is not a .NET trace")
	}
	for {
		tag, err := t.byte()
		if err != nil || tag == tagEnd {
			return err
		}
		if tag != tagObject {
			return fmt.Errorf("unknown tag %d", tag)
		}
		if err := t.readObject(); err != nil {
			return err
		}
	}
}

func (t *traceReader) readObject() error {
	name, version, err := t.objectKind()
	if err != nil {
		return err
	}
	if name == "Trace" {
		if version != 4 {
			return fmt.Errorf("version %d of the format is unknown", version)
		}
		if _, err := t.next(traceHeaderSize); err != nil {
			return err
		}
	} else if err := t.readBlock(name); err != nil {
		return fmt.Errorf("%s: %w", printable(name), err)
	}
	return t.expect(tagObjectEnd)
}

// objectKind reads the type of an object: its name and the version of its format.
func (t *traceReader) objectKind() (name string, version uint32, err error) {
	head, err := t.next(14) // object, null, version, oldest reader, length of the name
	if err != nil {
		return "", 0, err
	}
	fields := cursor{data: head, at: 2}
	version = fields.u32()
	fields.u32()
	length := fields.u32()
	if head[0] != tagObject || head[1] != tagEnd || length > longestName {
		return "", 0, errors.New("it has an object without a type")
	}
	letters, err := t.next(int(length))
	if err != nil {
		return "", 0, err
	}
	name = string(letters)
	return name, version, t.expect(tagObjectEnd)
}

func (t *traceReader) readBlock(name string) error {
	head, err := t.next(4)
	if err != nil {
		return err
	}
	size := littleEndian.Uint32(head)
	if size > largestBlock {
		return fmt.Errorf("a block of %d bytes is too large", size)
	}
	if _, err := t.next(int(-t.offset & 3)); err != nil { // blocks are aligned
		return err
	}
	content, err := t.next(int(size))
	if err != nil {
		return err
	}
	block := cursor{data: content}
	switch name {
	case "EventBlock":
		return t.readEvents(&block, t.passOn)
	case "MetadataBlock":
		return t.readEvents(&block, t.learn)
	case "StackBlock":
		return t.readStacks(&block)
	case "SPBlock":
		return t.readSequencePoint(&block)
	default:
		return nil // an object of a later version of the format, which readers may skip
	}
}

func (t *traceReader) readStacks(block *cursor) error {
	id := block.u32()
	for count := block.u32(); count > 0 && block.err == nil; count-- {
		addresses := block.take(int(block.u32()))
		frames := make([]uint64, len(addresses)/8)
		for number := range frames {
			frames[number] = littleEndian.Uint64(addresses[8*number:])
		}
		if t.frames += 1 + len(frames); t.frames > mostFrames {
			return errors.New("it has too many stacks")
		}
		t.stacks[id] = frames
		id++
	}
	return block.err
}

// readSequencePoint compares the number of events that each thread has written with those that arrived.
func (t *traceReader) readSequencePoint(block *cursor) error {
	block.u64() // time
	for count := block.u32(); count > 0 && block.err == nil; count-- {
		thread, number := block.u64(), block.u32()
		if block.err == nil {
			if err := t.count(thread, number, 0); err != nil {
				return err
			}
		}
	}
	t.stacks, t.frames = map[uint32][]uint64{}, 0 // IDs of stacks are used again
	return block.err
}

// count stores the sequence number of a thread. Missing numbers before it, except for step events, are lost events.
func (t *traceReader) count(thread uint64, number, step uint32) error {
	last, seen := t.numbers[thread]
	// The numbers start again after 2³². A negative difference is not a loss.
	if missing := int32(number - last - step); seen && missing > 0 {
		t.lost += uint64(missing)
	}
	if !seen && len(t.numbers) == mostThreads {
		return errors.New("it has too many threads")
	}
	t.numbers[thread] = number
	return nil
}

// next returns the next size bytes, which are valid until the next call.
func (t *traceReader) next(size int) ([]byte, error) {
	const piece = 1 << 20 // memory grows with the received data, not with the size that a block claims to have
	t.block = t.block[:0]
	for size > 0 {
		start := len(t.block)
		t.block = append(t.block, make([]byte, min(size, piece))...)
		count, err := io.ReadFull(t.source, t.block[start:])
		t.offset += int64(count)
		if err != nil {
			return nil, err
		}
		size -= count
	}
	return t.block, nil
}

func (t *traceReader) byte() (byte, error) {
	piece, err := t.next(1)
	if err != nil {
		return 0, err
	}
	return piece[0], nil
}

func (t *traceReader) expect(tag byte) error {
	found, err := t.byte()
	if err == nil && found != tag {
		err = fmt.Errorf("tag %d instead of %d", found, tag)
	}
	return err
}
