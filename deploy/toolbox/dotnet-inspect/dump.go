package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"
)

// Types of dumps of the protocol.
const (
	heapDump = 2 // memory of the runtime's heaps, stacks and what debuggers need
	fullDump = 4 // all memory; the only type for a single-file application

	dumpLimit = 14 * time.Minute // a minute less than time_limit_s of dotnet-dump in collectors/dotnet.yaml
)

// dumping makes the process write a core dump to a file with this name, copies it compressed, and removes it.
func dumping(name string) work {
	return func(ctx context.Context, c *client, out io.Writer) (err error) {
		if _, err := c.folder.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s exists already beside its diagnostic socket, so that nothing was written", name)
		}
		defer func() { err = errors.Join(err, c.remove(name)) }()
		if err := c.writeDump(ctx, name); err != nil {
			return err
		}
		return c.copyDump(ctx, name, out)
	}
}

// writeDump requests a dump of the heaps, or a dump of all memory if the runtime cannot select the heaps.
func (c *client) writeDump(ctx context.Context, name string) error {
	err := c.requestDump(ctx, name, heapDump)
	if errors.Is(err, failed) {
		if removeErr := c.remove(name); removeErr != nil {
			return errors.Join(err, removeErr)
		}
		err = c.requestDump(ctx, name, fullDump)
	}
	if errors.Is(err, failed) {
		return fmt.Errorf("its createdump failed: there may be too little room in %s, or the image lacks createdump. The container's log may name the cause", path.Dir(c.port.path))
	}
	return err
}

func (c *client) requestDump(ctx context.Context, name string, kind uint32) error {
	payload := encodeText(path.Join(path.Dir(c.port.path), name))
	payload = littleEndian.AppendUint32(payload, kind)
	payload = littleEndian.AppendUint32(payload, 0) // without createdump's own messages
	answer, hung, err := c.requestFork(ctx, payload)
	if hung && err != nil {
		if removeErr := c.remove(name); removeErr != nil {
			return errors.Join(err, removeErr)
		}
		answer, _, err = c.requestFork(ctx, payload)
	}
	if err != nil {
		return err
	}
	if len(answer) < 4 {
		return errors.New("the runtime answered without a result")
	}
	if result := littleEndian.Uint32(answer); result != 0 {
		return refusal(result)
	}
	return nil
}

// requestFork requests a dump. If the child that the runtime forks for it hangs, it is ended, and the runtime answers.
func (c *client) requestFork(ctx context.Context, payload []byte) (answer []byte, hung bool, err error) {
	stop := watchForks(c.port.pid, idleLimit)
	answer, err = c.request(ctx, createCoreDump, payload, dumpLimit)
	return answer, stop() > 0, err
}

func (c *client) copyDump(ctx context.Context, name string, out io.Writer) error {
	// The process could have created a link or a pipe instead of the file.
	file, err := c.folder.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("its dump: %w", err)
	}
	defer file.Close()
	about, err := file.Stat()
	if err != nil {
		return err
	}
	if !about.Mode().IsRegular() || about.Size() == 0 {
		return errors.New("its dump is empty, or no file")
	}
	compressed, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return err
	}
	// The process could write to the file forever.
	_, copyErr := io.Copy(compressed, io.LimitReader(interruptible{ctx, file}, about.Size()))
	return errors.Join(copyErr, compressed.Close())
}

func (c *client) remove(name string) error {
	if err := c.folder.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the dump stays in the target: %w", err)
	}
	return nil
}

// interruptible is a reader that ends with its context.
type interruptible struct {
	ctx  context.Context
	from io.Reader
}

func (i interruptible) Read(into []byte) (int, error) {
	if i.ctx.Err() != nil {
		return 0, errors.New("interrupted by a signal")
	}
	return i.from.Read(into)
}
