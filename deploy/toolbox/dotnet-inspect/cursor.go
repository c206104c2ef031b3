package main

import (
	"errors"
	"math"
	"unicode/utf16"
)

const longestText = 64 << 10 // UTF-16 units. The longest signatures of generated code have some thousand.

var errShort = errors.New("it ends before its last field")

// cursor reads fields from bytes that a process wrote. After the first missing field, all fields are empty, so that a
// caller checks err only once, and in each loop.
type cursor struct {
	data []byte
	at   int
	err  error
}

func (c *cursor) left() int { return len(c.data) - c.at }

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// take returns the next size bytes, or nil if there are fewer.
func (c *cursor) take(size int) []byte {
	if c.err != nil || size < 0 || size > c.left() {
		c.fail(errShort)
		return nil
	}
	piece := c.data[c.at : c.at+size]
	c.at += size
	return piece
}

func (c *cursor) skip(size int) { c.take(size) }

func (c *cursor) u8() byte {
	if piece := c.take(1); piece != nil {
		return piece[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if piece := c.take(2); piece != nil {
		return littleEndian.Uint16(piece)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if piece := c.take(4); piece != nil {
		return littleEndian.Uint32(piece)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if piece := c.take(8); piece != nil {
		return littleEndian.Uint64(piece)
	}
	return 0
}

func (c *cursor) float32() float64 { return float64(math.Float32frombits(c.u32())) }

func (c *cursor) float64() float64 { return math.Float64frombits(c.u64()) }

// varint reads an unsigned number with seven bits per byte, the lowest bits first.
func (c *cursor) varint() uint64 {
	var value uint64
	for shift := 0; shift < 64; shift += 7 {
		piece := c.u8()
		value |= uint64(piece&0x7f) << shift
		if piece < 0x80 {
			return value
		}
	}
	c.fail(errors.New("it has a number of more than 64 bits"))
	return 0
}

// text reads UTF-16 up to its NUL.
func (c *cursor) text() string {
	units := make([]uint16, 0, 64)
	for c.err == nil {
		unit := c.u16()
		if unit == 0 {
			break
		}
		if len(units) == longestText {
			c.fail(errors.New("it has a text that is too long"))
			break
		}
		units = append(units, unit)
	}
	if c.err != nil {
		return ""
	}
	return string(utf16.Decode(units))
}

// countedText reads a string of the protocol: its length with the final NUL, and UTF-16.
func (c *cursor) countedText() string {
	units := c.u32()
	if units > longestText {
		c.fail(errors.New("it has a text that is too long"))
		return ""
	}
	content := cursor{data: c.take(2 * int(units))}
	if c.err != nil || units == 0 {
		return ""
	}
	return content.text()
}
