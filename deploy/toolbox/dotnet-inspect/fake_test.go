package main

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"unicode/utf16"
)

// traceBuilder writes traces as a runtime does.
type traceBuilder struct{ content []byte }

func newTrace() *traceBuilder {
	t := &traceBuilder{[]byte(traceStart)}
	t.object("Trace", func() { t.content = append(t.content, make([]byte, traceHeaderSize)...) })
	return t
}

func (t *traceBuilder) u32(value uint32) { t.content = littleEndian.AppendUint32(t.content, value) }

func (t *traceBuilder) object(name string, write func()) {
	t.content = append(t.content, tagObject, tagObject, tagEnd)
	t.u32(4)
	t.u32(4)
	t.u32(uint32(len(name)))
	t.content = append(append(t.content, name...), tagObjectEnd)
	write()
	t.content = append(t.content, tagObjectEnd)
}

func (t *traceBuilder) block(name string, payload []byte) {
	t.object(name, func() {
		t.u32(uint32(len(payload)))
		for len(t.content)%4 != 0 {
			t.content = append(t.content, 0)
		}
		t.content = append(t.content, payload...)
	})
}

func (t *traceBuilder) end() []byte { return append(t.content, tagEnd) }

// fields are the parts of a payload: numbers with their size, and texts as UTF-16 with NUL.
func fields(parts ...any) []byte {
	var payload []byte
	for _, part := range parts {
		switch value := part.(type) {
		case byte:
			payload = append(payload, value)
		case uint16:
			payload = littleEndian.AppendUint16(payload, value)
		case uint32:
			payload = littleEndian.AppendUint32(payload, value)
		case uint64:
			payload = littleEndian.AppendUint64(payload, value)
		case []byte:
			payload = append(payload, value...)
		case string:
			for _, unit := range append(utf16.Encode([]rune(value)), 0) {
				payload = littleEndian.AppendUint16(payload, unit)
			}
		default:
			panic("no such part")
		}
	}
	return payload
}

func varint(value uint64) []byte {
	var encoded []byte
	for ; value >= 0x80; value >>= 7 {
		encoded = append(encoded, byte(value)|0x80)
	}
	return append(encoded, byte(value))
}

// written is an event of a block.
type written struct {
	metadata uint32
	thread   uint64
	stack    uint32
	skipped  uint32 // events of the thread before it that are missing
	data     []byte
}

// events is a block of events; each header has all fields.
func events(list ...written) []byte {
	block := fields(uint16(4), uint16(compressedHeaders))
	for _, one := range list {
		block = append(block, hasMetadata|hasSequence|hasThread|hasStack|hasSize)
		block = append(block, varint(uint64(one.metadata))...)
		block = append(block, varint(uint64(one.skipped))...)
		block = append(block, varint(one.thread)...) // the thread that wrote it
		block = append(block, 0)                     // processor
		block = append(block, varint(one.thread)...)
		block = append(block, varint(uint64(one.stack))...)
		block = append(block, 0) // time
		block = append(block, varint(uint64(len(one.data)))...)
		block = append(block, one.data...)
	}
	return block
}

// describe is the description of a kind of events without fields.
func describe(id uint32, provider string, event uint32, name string, rest ...any) written {
	head := fields(id, provider, event, name, make([]byte, 16))
	if len(rest) == 0 {
		rest = []any{uint32(0)}
	}
	return written{data: append(head, fields(rest...)...)}
}

func stackBlock(first uint32, stacks ...[]uint64) []byte {
	block := fields(first, uint32(len(stacks)))
	for _, frames := range stacks {
		block = append(block, fields(uint32(8*len(frames)))...)
		for _, frame := range frames {
			block = append(block, fields(frame)...)
		}
	}
	return block
}

// fakeRuntime listens as a runtime does, in this process, so that the peer of the socket is the expected one.
type fakeRuntime struct {
	client *client
	folder string

	lock     sync.Mutex
	commands []uint16
	payloads map[uint16][]byte
}

// respond answers one command on its connection, which is closed afterwards.
type respond func(command uint16, payload []byte, connection net.Conn)

func startRuntime(t *testing.T, respond respond) *fakeRuntime {
	t.Helper()
	folder := t.TempDir()
	socket := filepath.Join(folder, "dotnet-diagnostic-1-1-socket")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		t.Fatal(err)
	}
	runtime := &fakeRuntime{
		client: &client{port{os.Getpid(), socket}, root}, folder: folder, payloads: map[uint16][]byte{},
	}
	t.Cleanup(func() { listener.Close(); root.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go runtime.serve(connection, respond)
		}
	}()
	return runtime
}

func (f *fakeRuntime) serve(connection net.Conn, respond respond) {
	defer connection.Close()
	header := make([]byte, headerSize)
	if _, err := io.ReadFull(connection, header); err != nil {
		return
	}
	payload := make([]byte, int(littleEndian.Uint16(header[14:]))-headerSize)
	if _, err := io.ReadFull(connection, payload); err != nil {
		return
	}
	command := uint16(header[16])<<8 | uint16(header[17])
	f.lock.Lock()
	f.commands = append(f.commands, command)
	f.payloads[command] = payload
	f.lock.Unlock()
	respond(command, payload, connection)
}

func (f *fakeRuntime) received(command uint16) int {
	f.lock.Lock()
	defer f.lock.Unlock()
	count := 0
	for _, one := range f.commands {
		if one == command {
			count++
		}
	}
	return count
}

func (f *fakeRuntime) payload(command uint16) []byte {
	f.lock.Lock()
	defer f.lock.Unlock()
	return f.payloads[command]
}

func message(kind uint16, payload []byte) []byte {
	encoded, err := encodeMessage(kind, payload)
	if err != nil {
		panic(err)
	}
	return encoded
}

// traceServer sends a trace to each session, and ends it when it is told to stop.
func traceServer(content func() []byte) respond {
	stopped := make(chan struct{}, 16)
	return func(command uint16, _ []byte, connection net.Conn) {
		switch command {
		case collectTracing:
			connection.Write(message(answerOK, fields(uint64(7))))
			connection.Write(content())
			<-stopped
			connection.Write([]byte{tagEnd})
		case stopTracing:
			stopped <- struct{}{}
			connection.Write(message(answerOK, fields(uint64(7))))
		case processInfo:
			connection.Write(message(answerOK, identityAnswer("8.0.4")))
		}
	}
}

func identityAnswer(version string) []byte {
	answer := make([]byte, 8+guidSize)
	for _, text := range []string{"/app/shop --password=hunter2", "Linux", "x64", "shop", version} {
		answer = append(answer, encodeText(text)...)
	}
	return answer
}

func background(t *testing.T) context.Context {
	t.Helper()
	return t.Context()
}
