package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func heapEvents() []written {
	types := fields(uint32(2), uint16(0))
	for id, name := range []string{"Shop.Order", "System.Byte[]"} {
		types = append(types, fields(uint64(id+1), uint64(0), uint32(0), uint32(0), byte(0), name, uint32(1), uint64(0))...)
	}
	nodes := fields(uint32(0), uint32(3), uint16(0))
	for _, one := range [][2]uint64{{40, 1}, {40, 1}, {1000, 2}} {
		nodes = append(nodes, fields(uint64(0), one[0], one[1], uint64(0))...)
	}
	return []written{
		{metadata: 4, thread: 9, data: fields(uint32(3), uint32(0), uint32(0))}, // another collection
		{metadata: 7, thread: 9, data: fields(uint32(3), uint32(0))},
		{metadata: 4, thread: 9, data: fields(uint32(4), uint32(oldestGeneration), uint32(inducedGC))},
		{metadata: 6, thread: 9, data: nodes},
		{metadata: 5, thread: 9, data: types},
		{metadata: 7, thread: 9, data: fields(uint32(4), uint32(2))},
	}
}

func counterDescription(id uint32) written {
	return describe(id, "System.Runtime", 1, counterEvent, uint32(1),
		uint32(typeObject), uint32(4),
		uint32(typeText), "Name", uint32(typeText), "DisplayName", uint32(typeFloat64), "Mean", uint32(typeText), "DisplayUnits",
		"Payload")
}

func counterEventOf(name string, value float64) []byte {
	return fields(name, "Length of the "+name, math.Float64bits(value), "items")
}

func TestStacksNameThreadsMethodsAndWaits(t *testing.T) {
	runtime := startRuntime(t, traceServer(sampled))
	var out bytes.Buffer
	if err := stacks(background(t), runtime.client, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		".NET 8.0.4 on Linux x64, assembly shop\n",
		"\nThread (0xB): \"\", likely waits for a lock\n  [Native Frames]\n  Shop!Shop.Cart.Add(int32)\n",
		"  Shop!System.Threading.ThreadHelper.ThreadStart(int32)\n",
		"\nThread (0xC): \"\"\n  Shop!System.Threading.ThreadHelper.ThreadStart(int32)\n  ?!0x9999()\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if runtime.received(collectTracing) != 2 || runtime.received(stopTracing) != 2 {
		t.Error(runtime.commands)
	}
}

func TestSnapshotWithoutSomeThreadsIsRepeated(t *testing.T) {
	looks := 0
	runtime := startRuntime(t, traceServer(func() []byte {
		looks++
		if looks == 1 {
			return traceOf(written{metadata: 1, thread: 12, stack: 2, data: fields(uint32(2))})
		}
		return sampled()
	}))
	var out bytes.Buffer
	if err := stacks(background(t), runtime.client, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `(0xB): "", likely waits for a lock`) {
		t.Error(out.String())
	}
	if looks != 3 {
		t.Errorf("%d snapshots", looks)
	}
}

func TestThreadsThatChangeEndTheSnapshots(t *testing.T) {
	looks := 0
	runtime := startRuntime(t, traceServer(func() []byte {
		looks++
		return traceOf(written{metadata: 1, thread: uint64(20 + looks), stack: 1, data: fields(uint32(inNativeCode))})
	}))
	var out bytes.Buffer
	if err := stacks(background(t), runtime.client, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "Thread (0x18)") || looks != mostLooks {
		t.Errorf("%d snapshots\n%s", looks, out.String())
	}
}

func TestWaits(t *testing.T) {
	names := &methodNames{methods: []method{
		{0x1000, 0x1100, 0, "Shop.Cart.Add(int32)"},
		{0x2000, 0x2100, 0, "System.Threading.Monitor.Enter(class System.Object)"},
		{0x3000, 0x3100, 0, "System.Threading.Thread.Sleep(int32)"},
	}}
	at := func(native bool, frames ...uint64) samples { return samples{1: {frames, native}} }
	tests := map[string]struct {
		version     int
		before, now samples
		want        bool
	}{
		"an own method in native code": {8, at(true, 0x1010), at(true, 0x1010), true},
		"the same in an older version": {6, at(true, 0x1010), at(true, 0x1010), false},
		"entering a monitor":           {0, at(true, 0x2010), at(true, 0x2010), true},
		"sleeping":                     {8, at(true, 0x3010), at(true, 0x3010), false},
		"it runs":                      {8, at(false, 0x1010), at(false, 0x1010), false},
		"it has moved":                 {8, at(true, 0x1010), at(true, 0x1020), false},
		"it is new":                    {8, samples{}, at(true, 0x1010), false},
		"no frames":                    {8, at(true), at(true), false},
		"an unknown frame":             {8, at(true, 0x9999), at(true, 0x9999), false},
	}
	for name, test := range tests {
		if got := (threadReport{1, test.version, test.before, test.now, names}).waitsForLock(1); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestNoSampleIsAnError(t *testing.T) {
	runtime := startRuntime(t, traceServer(func() []byte { return newTrace().content }))
	err := stacks(background(t), runtime.client, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "no managed thread was sampled") {
		t.Errorf("%v", err)
	}
}

func TestHeapAddsUpObjectsByType(t *testing.T) {
	runtime := startRuntime(t, traceServer(sampled))
	var out bytes.Buffer
	if err := heap(background(t), runtime.client, &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	want := []string{"bytes objects type", "1080 3 (all)", "1000 1 System.Byte[]", "80 2 Shop.Order", ""}
	for number, words := range want {
		if got := strings.Join(strings.Fields(lines[number+1]), " "); got != words {
			t.Errorf("%q instead of %q", got, words)
		}
	}
	// The second session asks for all objects, and both were stopped.
	request := cursor{data: runtime.payload(collectTracing), at: 4 + 4 + 1 + 4}
	if keywords := request.u64(); keywords != heapKeywords || runtime.received(stopTracing) != 2 {
		t.Errorf("0x%x, %v", keywords, runtime.commands)
	}
}

func TestLossesAreReported(t *testing.T) {
	var out bytes.Buffer
	if err := reportLost(&out, 7); err != nil || !strings.Contains(out.String(), "INCOMPLETE: the runtime dropped 7 events") {
		t.Errorf("%q, %v", out.String(), err)
	}
	out.Reset()
	if err := reportLost(&out, 0); err != nil || out.Len() != 0 {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestCountersHaveAColumnForEachSecond(t *testing.T) {
	trace := newTrace()
	trace.block("MetadataBlock", events(counterDescription(8)))
	for second := range counterRounds {
		trace.block("EventBlock", events(written{metadata: 8, thread: 9, data: counterEventOf("queue", 3+float64(second))}))
	}
	runtime := startRuntime(t, traceServer(func() []byte { return trace.content }))
	var out bytes.Buffer
	if err := counters(background(t), runtime.client, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(strings.Fields(out.String()), " "), "[System.Runtime] queue 3 4 5 Length of the queue (items)") {
		t.Error(out.String())
	}
}

func TestTraceIsCopiedUnchanged(t *testing.T) {
	runtime := startRuntime(t, traceServer(sampled))
	var out bytes.Buffer
	if err := tracing(10*time.Millisecond)(background(t), runtime.client, &out); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), append(sampled(), tagEnd)) || runtime.received(stopTracing) != 1 {
		t.Error(out.Len(), runtime.commands)
	}
}

func TestASessionIsStoppedAfterASignal(t *testing.T) {
	runtime := startRuntime(t, traceServer(sampled))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := tracing(time.Hour)(ctx, runtime.client, io.Discard)
	if err == nil || err.Error() != "interrupted by a signal" || runtime.received(stopTracing) != 1 {
		t.Errorf("%v, %v", err, runtime.commands)
	}
}

func TestASessionIsStoppedAfterADamagedTrace(t *testing.T) {
	runtime := startRuntime(t, traceServer(func() []byte { return bytes.Repeat([]byte("x"), 100) }))
	err := stacks(background(t), runtime.client, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "not a .NET trace") || runtime.received(stopTracing) != 1 {
		t.Errorf("%v, %v", err, runtime.commands)
	}
}

// dumpServer writes a dump as createdump does, if the type is one of kinds.
func dumpServer(content string, kinds ...uint32) respond {
	return func(_ uint16, payload []byte, connection net.Conn) {
		request := cursor{data: payload}
		name, kind := request.countedText(), request.u32()
		for _, possible := range kinds {
			if kind == possible {
				os.WriteFile(name, []byte(content), 0o600)
				connection.Write(message(answerOK, fields(uint32(0))))
				return
			}
		}
		os.WriteFile(name, []byte("half a dump"), 0o600)
		connection.Write(message(answerError, fields(uint32(failed))))
	}
}

func TestDumpIsCompressedAndRemoved(t *testing.T) {
	for name, kinds := range map[string][]uint32{"heap": {heapDump, fullDump}, "full, of a single-file application": {fullDump}} {
		runtime := startRuntime(t, dumpServer("\x7fELF dump", kinds...))
		var out bytes.Buffer
		if err := dumping("a.dmp")(background(t), runtime.client, &out); err != nil {
			t.Fatal(name, err)
		}
		reader, err := gzip.NewReader(&out)
		if err != nil {
			t.Fatal(name, err)
		}
		if content, err := io.ReadAll(reader); err != nil || string(content) != "\x7fELF dump" {
			t.Errorf("%s: %q, %v", name, content, err)
		}
		if left, _ := filepath.Glob(filepath.Join(runtime.folder, "*.dmp")); len(left) > 0 {
			t.Error(name, left)
		}
	}
}

func TestNothingStaysAfterAFailedDump(t *testing.T) {
	runtime := startRuntime(t, dumpServer(""))
	err := dumping("a.dmp")(background(t), runtime.client, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "its createdump failed") {
		t.Errorf("%v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(runtime.folder, "*.dmp")); len(left) > 0 {
		t.Error(left)
	}
}

func TestDumpFollowsNoLinkAndReplacesNoFile(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	runtime := startRuntime(t, func(_ uint16, payload []byte, connection net.Conn) {
		request := cursor{data: payload}
		os.Symlink(secret, request.countedText())
		connection.Write(message(answerOK, fields(uint32(0))))
	})
	var out bytes.Buffer
	if err := dumping("a.dmp")(background(t), runtime.client, &out); err == nil || out.Len() > 0 {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
	if err := os.WriteFile(filepath.Join(runtime.folder, "b.dmp"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := dumping("b.dmp")(background(t), runtime.client, &out)
	if err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(runtime.folder, "b.dmp")); err != nil {
		t.Error("it was removed")
	}
}
