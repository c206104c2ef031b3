package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Events of the runtime about its heap:
// https://learn.microsoft.com/dotnet/fundamentals/diagnostics/runtime-garbage-collection-events
const (
	gcStart    = 1
	gcEnd      = 2
	gcBulkType = 15
	gcBulkNode = 18

	// GCHeapAndTypeNames, GCHeapCollect, GCHeapDump, Type, GC: collect the garbage, and send every object.
	heapKeywords = 0x1980001

	oldestGeneration = 2
	inducedGC        = 1

	heapLimit    = 5 * time.Minute
	mostTypes    = 1 << 20
	longestType  = 1000 // bytes
	typeHeadSize = 17   // module, name ID, flags, element type
	nodeTailSize = 8    // number of references
)

var errTooManyTypes = errors.New("it has too many types")

// typeSum is the total of the objects of one type.
type typeSum struct {
	objects, bytes uint64
	name           string
}

// histogram adds up the objects that a garbage collection found, by their types.
type histogram struct {
	sums      map[uint64]*typeSum
	induced   uint32 // number of the garbage collection that sends the objects; 0 before it starts
	finished  chan struct{}
	completed bool
}

func newHistogram() *histogram {
	return &histogram{sums: map[uint64]*typeSum{}, finished: make(chan struct{})}
}

func (h *histogram) handle(e event) error {
	if e.kind.provider != runtimeProvider {
		return nil
	}
	content := cursor{data: e.data}
	switch e.kind.id {
	case gcStart:
		number, generation, reason := content.u32(), content.u32(), content.u32()
		if h.induced == 0 && generation == oldestGeneration && reason == inducedGC {
			h.induced = number
		}
	case gcEnd:
		if number := content.u32(); h.induced != 0 && number == h.induced && !h.completed {
			h.completed = true
			close(h.finished)
		}
	case gcBulkType:
		h.addTypes(&content)
	case gcBulkNode:
		h.addObjects(&content)
	}
	if content.err != nil {
		return fmt.Errorf("event %d: %w", e.kind.id, content.err)
	}
	return nil
}

func (h *histogram) sum(id uint64, content *cursor) *typeSum {
	sum := h.sums[id]
	if sum == nil {
		if len(h.sums) == mostTypes {
			content.fail(errTooManyTypes)
		} else {
			sum = &typeSum{}
			h.sums[id] = sum
		}
	}
	return sum
}

func (h *histogram) addTypes(content *cursor) {
	count := content.u32()
	content.u16() // instance of the runtime
	for ; count > 0 && content.err == nil; count-- {
		id := content.u64()
		content.skip(typeHeadSize)
		name := printable(content.text())
		parameters := content.u32()
		if int64(parameters)*8 > int64(content.left()) {
			content.fail(errShort)
		}
		content.skip(int(parameters) * 8)
		if content.err != nil {
			return
		}
		if sum := h.sum(id, content); sum != nil {
			sum.name = name[:min(len(name), longestType)]
		}
	}
}

func (h *histogram) addObjects(content *cursor) {
	content.u32() // index
	count := content.u32()
	content.u16() // instance of the runtime
	for ; count > 0 && content.err == nil; count-- {
		content.u64() // address
		size, id := content.u64(), content.u64()
		content.skip(nodeTailSize)
		if content.err != nil {
			return
		}
		if sum := h.sum(id, content); sum != nil {
			sum.objects++
			sum.bytes += size
		}
	}
}

func (h *histogram) write(out io.Writer) error {
	var total typeSum
	rows := make([]*typeSum, 0, len(h.sums))
	for _, sum := range h.sums {
		if sum.objects > 0 {
			rows = append(rows, sum)
			total.objects += sum.objects
			total.bytes += sum.bytes
		}
	}
	slices.SortFunc(rows, func(a, b *typeSum) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.name, b.name))
	})
	if _, err := fmt.Fprintf(out, "%15s %12s  type\n%15d %12d  (all)\n", "bytes", "objects", total.bytes, total.objects); err != nil {
		return err
	}
	for _, row := range rows {
		name := row.name
		if name == "" {
			name = "(unknown type)"
		}
		if _, err := fmt.Fprintf(out, "%15d %12d  %s\n", row.bytes, row.objects, name); err != nil {
			return err
		}
	}
	return nil
}

// heap makes the runtime collect its garbage and send every object that is left.
func heap(ctx context.Context, c *client, out io.Writer) error {
	// The runtime sends the name of a type only once to all overlapping sessions, until one of them ends. Without this
	// session, the names that another tool has already received would be missing.
	if _, err := c.sampleFor(ctx, sampleTimes[0], false); err != nil {
		return err
	}
	found := newHistogram()
	reader := &traceReader{handle: found.handle}
	dumping := session{
		providers: []provider{{runtimeProvider, heapKeywords, levelVerbose, ""}},
		limit:     heapLimit,
		enough:    found.finished,
	}
	if err := c.collect(ctx, dumping, reader.read); err != nil {
		return err
	}
	if !found.completed {
		return fmt.Errorf("the garbage collection that sends the objects did not end within %s", heapLimit)
	}
	if err := c.writeHead(ctx, out); err != nil {
		return err
	}
	if err := reportLost(out, reader.lost); err != nil {
		return err
	}
	return found.write(out)
}
