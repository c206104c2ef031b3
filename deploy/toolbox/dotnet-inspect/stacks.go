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
	sampleTime     = 10 * time.Millisecond // the runtime samples all threads every millisecond
	betweenLooks   = time.Second
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

// sample is what a thread did: the addresses of its frames, the innermost first.
type sample struct {
	frames []uint64
	native bool
}

func (s sample) equal(other sample) bool {
	return s.native == other.native && slices.Equal(s.frames, other.frames)
}

// samples are the last samples of the threads of one look.
type samples map[uint64]sample

func (s samples) add(e event) error {
	content := cursor{data: e.data}
	native := content.u32() == inNativeCode
	if content.err != nil {
		return fmt.Errorf("a sample: %w", content.err)
	}
	if _, seen := s[e.thread]; !seen && len(s) == mostSampled {
		return errors.New("it has too many threads")
	}
	s[e.thread] = sample{e.stack, native}
	return nil
}

// sight is what one look at the threads shows.
type sight struct {
	threads samples
	names   *methodNames
	lost    uint64
}

// look samples the threads, for longer if none is seen. It learns the names of the methods if named is set.
func (c *client) look(ctx context.Context, named bool) (sight, error) {
	var seen sight
	for _, limit := range sampleTimes {
		var err error
		if seen, err = c.lookFor(ctx, limit, named); err != nil || len(seen.threads) > 0 {
			return seen, err
		}
	}
	return seen, nil
}

func (c *client) lookFor(ctx context.Context, limit time.Duration, named bool) (sight, error) {
	seen := sight{samples{}, &methodNames{}, 0}
	reader := &traceReader{handle: func(e event) error {
		if e.kind.provider == sampleProvider {
			return seen.threads.add(e)
		}
		return seen.names.learn(e)
	}}
	sampling := session{
		providers: []provider{{sampleProvider, 0, levelInformational, ""}},
		rundown:   named,
		limit:     limit,
	}
	err := c.collect(ctx, sampling, reader.read)
	seen.lost = reader.lost
	return seen, err
}

// stacks looks twice, so that it shows which threads have not moved.
func stacks(ctx context.Context, c *client, out io.Writer) error {
	before, err := c.look(ctx, false)
	if err != nil {
		return err
	}
	pause(ctx, betweenLooks)
	now, err := c.look(ctx, true)
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

// threadReport is what two looks at the threads of a process have shown.
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

// waitsForLock says whether a thread has not moved, and its innermost frame looks like a wait for a lock.
func (r threadReport) waitsForLock(thread uint64) bool {
	current := r.now[thread]
	earlier, seen := r.before[thread]
	if !seen || !earlier.equal(current) || !current.native || len(current.frames) == 0 {
		return false
	}
	innermost, _ := r.names.find(current.frames[0])
	if entersLock.MatchString(innermost) {
		return true
	}
	return r.version >= framelessLocks && innermost != "" && !ofLibraries.MatchString(innermost)
}
