package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	runtimeProvider = "Microsoft-Windows-DotNETRuntime"
	rundownProvider = "Microsoft-Windows-DotNETRuntimeRundown"
	sampleProvider  = "Microsoft-DotNETCore-SampleProfiler"

	levelInformational = 4
	levelVerbose       = 5

	// At the end of a session, the runtime sends what is in its buffer, and the names of all methods.
	drainLimit = 60 * time.Second
	// This program receives a signal at its time limit.
	interruptedLimit = 5 * time.Second

	// The runtime stores events in a buffer in its own memory, which grows if they are not read fast enough. Smaller
	// buffers lost events of applications with tens of thousands of methods.
	largestBuffer  = 256 // MiB
	smallestBuffer = 16
	bufferShare    = 4 // the buffer uses at most this fraction (1/4) of the free memory of the container
)

type provider struct {
	name     string
	keywords uint64
	level    uint32
	argument string
}

// session is what to collect, and when to stop.
type session struct {
	providers []provider
	rundown   bool // send the names of all methods at the end
	limit     time.Duration
	enough    <-chan struct{} // closed before the limit if everything has arrived
}

// collect runs a session in the process, and passes the trace to read while it arrives. It always stops the session.
func (c *client) collect(ctx context.Context, s session, read func(io.Reader) error) error {
	stream, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer stream.Close()
	id, err := exchange(ctx, stream, collectTracing, encodeSession(s, bufferMiB(c.port.pid)), answerLimit)
	if err != nil {
		return fmt.Errorf("its runtime does not trace: %w", err)
	}
	if len(id) != 8 {
		return errors.New("the runtime answered without the ID of a session")
	}
	if err := stream.SetDeadline(time.Now().Add(s.limit + drainLimit)); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- read(stream) }()
	select {
	case err := <-ended: // early: the process has ended, or its data is not a trace
		return errors.Join(explain(ctx, err, s.limit), c.stop(ctx, id, stream))
	case <-s.enough:
	case <-time.After(s.limit):
	case <-ctx.Done():
	}
	// The reader continues to read, because the runtime responds after it has sent everything.
	stopErr := c.stop(ctx, id, stream)
	readErr := <-ended
	if ctx.Err() != nil {
		return errors.Join(errors.New("interrupted by a signal"), stopErr)
	}
	return errors.Join(explain(ctx, readErr, drainLimit), stopErr)
}

// stop ends the session, also after a signal.
func (c *client) stop(ctx context.Context, id []byte, stream net.Conn) error {
	limit := drainLimit
	if ctx.Err() != nil {
		limit = interruptedLimit
	}
	if err := stream.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	_, err := c.request(context.WithoutCancel(ctx), stopTracing, id, limit)
	var refused refusal
	if errors.As(err, &refused) { // it has ended by itself
		return nil
	}
	if err != nil {
		return fmt.Errorf("the session could not be stopped, and ends with its connection: %w", err)
	}
	return nil
}

func encodeSession(s session, buffer uint32) []byte {
	payload := littleEndian.AppendUint32(nil, buffer)
	payload = littleEndian.AppendUint32(payload, 1) // format nettrace
	if s.rundown {
		payload = append(payload, 1)
	} else {
		payload = append(payload, 0)
	}
	payload = littleEndian.AppendUint32(payload, uint32(len(s.providers)))
	for _, one := range s.providers {
		payload = littleEndian.AppendUint64(payload, one.keywords)
		payload = littleEndian.AppendUint32(payload, one.level)
		payload = append(payload, encodeText(one.name)...)
		payload = append(payload, encodeText(one.argument)...)
	}
	return payload
}

// bufferMiB is the maximum size of the buffer in the process, a share of the memory that its limit leaves.
func bufferMiB(pid int) uint32 {
	left, limited := memoryLeft(filepath.Join(proc(pid, "root"), "sys/fs/cgroup"))
	if !limited {
		return largestBuffer
	}
	return uint32(min(largestBuffer, max(smallestBuffer, left>>20/bufferShare)))
}

// memoryLeft is the memory that a control group may still use. limited is false without a visible limit.
func memoryLeft(folder string) (left uint64, limited bool) {
	for _, names := range [][2]string{
		{"memory.max", "memory.current"}, // version 2 of control groups
		{"memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"},
	} {
		limit, err := readNumber(filepath.Join(folder, names[0]))
		used, usedErr := readNumber(filepath.Join(folder, names[1]))
		if err == nil && usedErr == nil {
			return limit - min(used, limit), true
		}
	}
	return 0, false
}

func readNumber(file string) (uint64, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(content)), 10, 64) // "max" is not a number: there is no limit
}

// reportLost writes a line if events are missing in what follows.
func reportLost(out io.Writer, lost uint64) error {
	if lost == 0 {
		return nil
	}
	_, err := fmt.Fprintf(out, "# INCOMPLETE: the runtime dropped %d events, because its buffer was full\n", lost)
	return err
}
