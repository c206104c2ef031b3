package main

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// sampled is a trace with one sample of each of two threads, the names of their methods, a heap and a counter.
func sampled() []byte {
	return traceOf(
		written{metadata: 1, thread: 11, stack: 1, data: fields(uint32(inNativeCode))},
		written{metadata: 1, thread: 12, stack: 2, data: fields(uint32(2))},
	)
}

func traceOf(samples ...written) []byte {
	trace := newTrace()
	trace.block("MetadataBlock", events(
		describe(1, sampleProvider, 0, ""),
		describe(2, rundownProvider, methodDCEndVerbose, ""),
		describe(3, rundownProvider, moduleDCEnd, ""),
		describe(4, runtimeProvider, gcStart, ""),
		describe(5, runtimeProvider, gcBulkType, ""),
		describe(6, runtimeProvider, gcBulkNode, ""),
		describe(7, runtimeProvider, gcEnd, ""),
		counterDescription(8),
	))
	trace.block("StackBlock", stackBlock(1, []uint64{0x1010, 0x2010}, []uint64{0x2020, 0x9999}))
	trace.block("EventBlock", events(samples...))
	trace.block("EventBlock", events(
		written{metadata: 2, thread: 9, data: methodEvent(0x1000, "Shop.Cart", "Add")},
		written{metadata: 2, thread: 9, data: methodEvent(0x2000, "System.Threading.ThreadHelper", "ThreadStart")},
		written{metadata: 3, thread: 9, data: fields(uint64(5), uint64(0), uint64(0), "/app/Shop.dll", "")},
	))
	trace.block("EventBlock", events(heapEvents()...))
	trace.block("EventBlock", events(written{metadata: 8, thread: 9, data: counterEventOf("queue", 3)}))
	trace.block("SPBlock", fields(uint64(0), uint32(1), uint64(11), uint32(1)))
	trace.block("Unknown", []byte{1, 2, 3})
	return trace.content
}

func methodEvent(start uint64, class, name string) []byte {
	return fields(uint64(1), uint64(5), start, uint32(0x100), uint32(0), uint32(0), class, name, "instance void  (int32)")
}

func TestTraceIsRead(t *testing.T) {
	var stacks [][]uint64
	reader := &traceReader{handle: func(e event) error {
		if e.kind.provider == sampleProvider {
			stacks = append(stacks, e.stack)
		}
		return nil
	}}
	if err := reader.read(bytes.NewReader(append(sampled(), tagEnd))); err != nil {
		t.Fatal(err)
	}
	if len(stacks) != 2 || stacks[0][1] != 0x2010 || stacks[1][0] != 0x2020 || reader.lost != 0 {
		t.Error(stacks, reader.lost)
	}
}

func TestLostEventsAreCounted(t *testing.T) {
	trace := newTrace()
	trace.block("MetadataBlock", events(describe(1, "P", 1, "")))
	trace.block("EventBlock", events(
		written{metadata: 1, thread: 1}, // number 1
	))
	trace.block("EventBlock", events(
		written{metadata: 1, thread: 1, skipped: 5}, // number 6: 2 to 5 are missing
	))
	trace.block("SPBlock", fields(uint64(0), uint32(1), uint64(1), uint32(9))) // 7 to 9 are missing
	reader := &traceReader{}
	if err := reader.read(bytes.NewReader(trace.end())); err != nil || reader.lost != 4+3 {
		t.Error(reader.lost, err)
	}
}

func TestMalformedTraces(t *testing.T) {
	build := func(name string, payload []byte) []byte {
		trace := newTrace()
		trace.block(name, payload)
		return trace.end()
	}
	version := bytes.Replace(newTrace().end(), []byte{5, 5, 1, 4}, []byte{5, 5, 1, 5}, 1)
	deep := []any{uint32(1)}
	for range deepestFields + 1 {
		deep = append(deep, uint32(typeObject), uint32(1))
	}
	tests := map[string]struct {
		content []byte
		err     string
	}{
		"nothing":          {nil, "ends early, after 0 bytes"},
		"cut off":          {sampled(), "ends early"},
		"another format":   {bytes.Repeat([]byte("x"), 100), "not a .NET trace"},
		"another version":  {version, "version 5 of the format is unknown"},
		"unknown tag":      {append(newTrace().content, 9), "unknown tag 9"},
		"a large block":    {append(newTrace().content, hugeBlock()...), "too large"},
		"short events":     {build("EventBlock", fields(uint16(4), uint16(1), byte(hasSize), byte(0xff))), "ends before its last field"},
		"old events":       {build("EventBlock", fields(uint16(4), uint16(0))), "not compressed"},
		"small head":       {build("EventBlock", fields(uint16(2), uint16(1))), "ends before its last field"},
		"a long number":    {build("EventBlock", append(fields(uint16(4), uint16(1), byte(hasSize), byte(0)), bytes.Repeat([]byte{0xff}, 10)...)), "more than 64 bits"},
		"deep fields":      {build("MetadataBlock", events(describe(1, "P", 1, "", deep...))), "nested too deep"},
		"too many stacks":  {build("StackBlock", fields(uint32(1), uint32(0xffffffff))), "ends before its last field"},
		"too many threads": {build("SPBlock", fields(uint64(0), uint32(0xffffffff))), "ends before its last field"},
	}
	for name, test := range tests {
		err := (&traceReader{}).read(bytes.NewReader(test.content))
		if err == nil || !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %v instead of %q", name, err, test.err)
		}
	}
}

// hugeBlock claims to have more bytes than a reader may store.
func hugeBlock() []byte {
	trace := &traceBuilder{}
	trace.object("EventBlock", func() { trace.u32(0xffffffff) })
	return trace.content
}

func TestMemoryGrowsWithWhatArrives(t *testing.T) {
	trace := newTrace()
	trace.object("EventBlock", func() { trace.u32(largestBlock) })
	reader := &traceReader{}
	if err := reader.read(bytes.NewReader(trace.content)); err == nil || cap(reader.block) > 4<<20 {
		t.Error(cap(reader.block), err)
	}
}

func TestTheErrorOfAHandlerEndsTheTrace(t *testing.T) {
	stop := errors.New("stop")
	reader := &traceReader{handle: func(event) error { return stop }}
	if err := reader.read(bytes.NewReader(sampled())); !errors.Is(err, stop) {
		t.Error(err)
	}
}

// readEverything reads a trace as all commands do, each up to its own first error.
func readEverything(content []byte) {
	names, found, table, seen := &methodNames{}, newHistogram(), newCounterTable(), samples{}
	handlers := []func(event) error{
		names.learn, found.handle, table.handle,
		func(e event) error {
			if e.kind.provider == sampleProvider {
				return seen.add(e)
			}
			return nil
		},
	}
	reader := &traceReader{handle: func(e event) error {
		for number, handle := range handlers {
			if handle != nil && handle(e) != nil {
				handlers[number] = nil
			}
		}
		return nil
	}}
	// Most of these traces are damaged: they must only end.
	_ = reader.read(bytes.NewReader(content))
	names.sort()
	for _, write := range []func(io.Writer) error{
		found.write, table.write, threadReport{1, 8, seen, seen, names}.write,
	} {
		if err := write(io.Discard); err != nil {
			panic(err)
		}
	}
}

func TestTenThousandHostileTracesBreakNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(19, 2))
	valid := append(sampled(), tagEnd)
	for range 10_000 {
		readEverything(mutate(random, valid))
	}
}

func FuzzTrace(f *testing.F) {
	f.Add(append(sampled(), tagEnd))
	f.Add(newTrace().end())
	f.Fuzz(func(_ *testing.T, content []byte) { readEverything(content) })
}
