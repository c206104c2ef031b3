package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// The keywords of the default profile of dotnet-trace: garbage collections, exceptions, the thread pool, the compiler.
const traceKeywords = 0x14C14FCCBD

// tracing records a trace for the given time.
func tracing(duration time.Duration) work {
	return func(ctx context.Context, c *client, out io.Writer) error {
		reader := &traceReader{}
		recording := session{
			providers: []provider{
				{sampleProvider, 0, levelInformational, ""},
				{runtimeProvider, traceKeywords, levelInformational, ""},
			},
			rundown: true,
			limit:   duration,
		}
		err := c.collect(ctx, recording, func(stream io.Reader) error { return record(reader, stream, out) })
		if err == nil && reader.lost > 0 {
			// The trace goes to standard output, and can contain no remark.
			_, err = fmt.Fprintf(os.Stderr, "the runtime dropped %d events of the trace, because its buffer was full\n", reader.lost)
		}
		return err
	}
}

// record copies a trace while reading it, which shows whether it is complete. A part that cannot be read is copied too.
func record(reader *traceReader, stream io.Reader, out io.Writer) error {
	readErr := reader.read(io.TeeReader(stream, out))
	if readErr == nil {
		return nil
	}
	_, copyErr := io.Copy(out, stream)
	return errors.Join(readErr, copyErr)
}
