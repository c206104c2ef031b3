package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"
)

const (
	betweenLooks   = time.Second
	mostLooks      = 4
	mostSampled    = 1 << 16 // threads
	inNativeCode   = 1       // type of a sample: the thread was not in managed code
	framelessLocks = 8       // the first version whose locks may have no frame
)

// The runtime samples all threads every millisecond. On a busy node, the first sample comes late.
var sampleTimes = []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, 2 * time.Second}

// Innermost frames of a thread that waits for a lock. In some versions, entering a monitor has a frame of its own. Since
// .NET 8, the thread is in native code that a method of the application has called directly. A call of the platform
// would have a frame of generated code there, and each wait of the class library one of System.
var (
	entersLock  = regexp.MustCompile(`^System\.Threading\.(Monitor\.(Reliable|Try)?Enter|Lock\.(Enter|TryEnter))`)
	ofLibraries = regexp.MustCompile(`^(System|Microsoft|Internal|Interop|[Dd]ynamicClass)\b`)
)

// sample is the stack of a thread: the addresses of its frames, the innermost first.
type sample struct {
	frames []uint64
	native bool
}

func (s sample) equal(other sample) bool {
	return s.native == other.native && slices.Equal(s.frames, other.frames)
}

// samples are the last samples of the threads in a snapshot.
type samples map[uint64]sample

func (s samples) add(e event) error {
	content := cursor{data: e.data}
	native := content.u32() == inNativeCode
	if content.err != nil {
		return fmt.Errorf("a sample: %w", content.err)
	}
	if _, exists := s[e.thread]; !exists && len(s) == mostSampled {
		return errors.New("it has too many threads")
	}
	s[e.thread] = sample{e.stack, native}
	return nil
}

func (s samples) sameThreads(others samples) bool {
	if len(s) != len(others) {
		return false
	}
	for thread := range s {
		if _, exists := others[thread]; !exists {
			return false
		}
	}
	return true
}

// snapshot is the state of the threads at one time.
type snapshot struct {
	threads samples
	names   *methodNames
	lost    uint64
}

// takeSnapshot samples the threads, for longer if there is no sample. With named, it also collects the names of the methods.
func (c *client) takeSnapshot(ctx context.Context, named bool) (snapshot, error) {
	var result snapshot
	for _, limit := range sampleTimes {
		var err error
		if result, err = c.sampleFor(ctx, limit, named); err != nil || len(result.threads) > 0 {
			return result, err
		}
	}
	return result, nil
}

func (c *client) sampleFor(ctx context.Context, limit time.Duration, named bool) (snapshot, error) {
	result := snapshot{samples{}, &methodNames{}, 0}
	reader := &traceReader{handle: func(e event) error {
		if e.kind.provider == sampleProvider {
			return result.threads.add(e)
		}
		return result.names.learn(e)
	}}
	sampling := session{
		providers: []provider{{sampleProvider, 0, levelInformational, ""}},
		rundown:   named,
		limit:     limit,
	}
	err := c.collect(ctx, sampling, reader.read)
	result.lost = reader.lost
	return result, err
}

// stacks takes two snapshots, to show which threads have not moved. On a busy node, a snapshot can end before all threads
// have been sampled. Then the two have different threads, and another one is taken.
func stacks(ctx context.Context, c *client, out io.Writer) error {
	before, err := c.takeSnapshot(ctx, false)
	if err != nil {
		return err
	}
	pause(ctx, betweenLooks)
	now, err := c.takeSnapshot(ctx, true)
	for looks := 2; err == nil && looks < mostLooks && !now.threads.sameThreads(before.threads); looks++ {
		pause(ctx, betweenLooks)
		before = now
		now, err = c.takeSnapshot(ctx, true)
	}
	if err != nil {
		return err
	}
	if len(now.threads) == 0 {
		return errors.New("no managed thread was sampled: the process may be stopped")
	}
	who, err := c.identify(ctx)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprint(out, c.head(who)); err != nil {
		return err
	}
	if err := reportLost(out, now.lost); err != nil {
		return err
	}
	now.names.sort()
	return threadReport{c.port.pid, who.major(), before.threads, now.threads, now.names}.write(out)
}

func pause(ctx context.Context, duration time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(duration):
	}
}

// threadReport is the result of two snapshots of the threads of a process.
type threadReport struct {
	pid, version int // version: the first number of the version of .NET; 0 if unknown
	before, now  samples
	names        *methodNames
}

// write writes the threads as dotnet-stack does, with their names, and which of them likely wait for a lock.
func (r threadReport) write(out io.Writer) error {
	threads := make([]uint64, 0, len(r.now))
	for thread := range r.now {
		threads = append(threads, thread)
	}
	slices.Sort(threads)
	for _, thread := range threads {
		mark := ""
		if r.waitsForLock(thread) {
			mark = ", likely waits for a lock"
		}
		if _, err := fmt.Fprintf(out, "\nThread (0x%X): %q%s\n", thread, threadName(r.pid, thread), mark); err != nil {
			return err
		}
		if err := r.writeFrames(out, r.now[thread]); err != nil {
			return err
		}
	}
	return nil
}

func (r threadReport) writeFrames(out io.Writer, current sample) error {
	if current.native {
		if _, err := fmt.Fprintln(out, "  [Native Frames]"); err != nil {
			return err
		}
	}
	for _, address := range current.frames {
		_, full := r.names.find(address)
		if full == "" {
			full = fmt.Sprintf("?!0x%x()", address)
		}
		if _, err := fmt.Fprintf(out, "  %s\n", full); err != nil {
			return err
		}
	}
	return nil
}

// waitsForLock reports whether a thread has not moved, and its innermost frame looks like a wait for a lock.
func (r threadReport) waitsForLock(thread uint64) bool {
	current := r.now[thread]
	earlier, exists := r.before[thread]
	if !exists || !earlier.equal(current) || !current.native || len(current.frames) == 0 {
		return false
	}
	innermost, _ := r.names.find(current.frames[0])
	if entersLock.MatchString(innermost) {
		return true
	}
	return r.version >= framelessLocks && innermost != "" && !ofLibraries.MatchString(innermost)
}
