package main

import (
	"errors"
	"fmt"
)

// Flags of the compressed header of an event: the fields that differ from those of the previous event.
const (
	hasMetadata = 1 << iota
	hasSequence
	hasThread
	hasStack
	hasActivity
	hasRelatedActivity
	_ // the event is sorted
	hasSize
)

const guidSize = 16

// eventHeader contains the fields that the next event of a block inherits.
type eventHeader struct {
	metadata, stack, number, size uint32
	captureThread, thread         uint64
}

// readNext reads the header of the next event.
func (h *eventHeader) readNext(block *cursor) {
	flags := block.u8()
	if flags&hasMetadata != 0 {
		h.metadata = uint32(block.varint())
	}
	if flags&hasSequence != 0 {
		h.number += uint32(block.varint())
		h.captureThread = block.varint()
		block.varint() // processor
	}
	if h.metadata != 0 {
		h.number++
	}
	if flags&hasThread != 0 {
		h.thread = block.varint()
	}
	if flags&hasStack != 0 {
		h.stack = uint32(block.varint())
	}
	block.varint() // time
	if flags&hasActivity != 0 {
		block.skip(guidSize)
	}
	if flags&hasRelatedActivity != 0 {
		block.skip(guidSize)
	}
	if flags&hasSize != 0 {
		h.size = uint32(block.varint())
	}
}

// readEvents passes each event of a block to use.
func (t *traceReader) readEvents(block *cursor, use func(eventHeader, []byte) error) error {
	headSize, flags := block.u16(), block.u16()
	if block.err == nil && flags&compressedHeaders == 0 {
		return errors.New("its events are not compressed")
	}
	block.skip(int(headSize) - 4)
	var header eventHeader
	for block.err == nil && block.left() > 0 {
		header.readNext(block)
		data := block.take(int(header.size))
		if block.err != nil {
			break
		}
		if err := use(header, data); err != nil {
			return err
		}
	}
	return block.err
}

// passOn counts an event and passes it to handle. Events without a description are ignored.
func (t *traceReader) passOn(header eventHeader, data []byte) error {
	if err := t.count(header.captureThread, header.number, 1); err != nil {
		return err
	}
	kind := t.kinds[header.metadata&0x7fffffff] // the highest bit means that the event is out of order
	if kind == nil || t.handle == nil {
		return nil
	}
	return t.handle(event{kind, header.thread, t.stacks[header.stack], data})
}

// learn reads and stores the description of a kind of events.
func (t *traceReader) learn(_ eventHeader, data []byte) error {
	content := cursor{data: data}
	id := content.u32()
	kind := &eventKind{provider: content.text(), id: content.u32(), name: content.text()}
	content.skip(16) // keywords, version, level
	left := mostFields
	kind.fields = readFields(&content, 0, &left)
	if content.err != nil {
		return fmt.Errorf("description of an event: %w", content.err)
	}
	if t.described += len(data); t.described > mostDescribed {
		return errors.New("it has too many kinds of events")
	}
	t.kinds[id] = kind
	return nil
}

// Types of fields: the values of System.TypeCode.
const (
	typeObject  = 1
	typeBoolean = 3
	typeChar    = 4
	typeInt8    = 5
	typeUint8   = 6
	typeInt16   = 7
	typeUint16  = 8
	typeInt32   = 9
	typeUint32  = 10
	typeInt64   = 11
	typeUint64  = 12
	typeFloat32 = 13
	typeFloat64 = 14
	typeText    = 18
)

type field struct {
	name  string
	kind  uint32
	parts []field // of an object
}

// readFields reads descriptions of fields. left is the number of further fields that an event may have, including those of its objects.
func readFields(content *cursor, depth int, left *int) []field {
	if depth == deepestFields {
		content.fail(errors.New("its fields are nested too deep"))
	}
	var fields []field
	for count := content.u32(); count > 0 && content.err == nil; count-- {
		if *left--; *left < 0 {
			content.fail(errors.New("it has too many fields"))
			break
		}
		one := field{kind: content.u32()}
		if one.kind == typeObject {
			one.parts = readFields(content, depth+1, left)
		}
		one.name = content.text()
		fields = append(fields, one)
	}
	return fields
}

// values are the fields of an event by their names: texts, and numbers as float64. Parts of objects count as fields.
type values struct {
	texts   map[string]string
	numbers map[string]float64
}

func readValues(fields []field, data []byte) (values, error) {
	read := values{map[string]string{}, map[string]float64{}}
	content := cursor{data: data}
	read.add(fields, &content)
	return read, content.err
}

func (v *values) add(fields []field, content *cursor) {
	for _, one := range fields {
		switch one.kind {
		case typeObject:
			v.add(one.parts, content)
		case typeText:
			v.texts[one.name] = content.text()
		case typeFloat64:
			v.numbers[one.name] = content.float64()
		case typeFloat32:
			v.numbers[one.name] = content.float32()
		case typeInt64:
			v.numbers[one.name] = float64(int64(content.u64()))
		case typeUint64:
			v.numbers[one.name] = float64(content.u64())
		case typeInt32:
			v.numbers[one.name] = float64(int32(content.u32()))
		case typeBoolean, typeUint32:
			v.numbers[one.name] = float64(content.u32())
		case typeChar, typeInt16, typeUint16:
			v.numbers[one.name] = float64(content.u16())
		case typeInt8, typeUint8:
			v.numbers[one.name] = float64(content.u8())
		default:
			content.fail(fmt.Errorf("a field of the unknown type %d", one.kind))
		}
		if content.err != nil {
			return
		}
	}
}
