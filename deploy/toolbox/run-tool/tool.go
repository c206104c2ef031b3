package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"os"
	"syscall"
	"time"
)

const (
	bufferBytes = 256 << 10
	pipeBytes   = 1 << 20 // the limit for users without privileges
	setPipeSize = 1031    // F_SETPIPE_SZ of fcntl(2)
	errorsBytes = 4096
	drainLimit  = 20 * time.Second // to read the remaining output after the tool has ended
)

// runTool is `run-tool run NONCE SECONDS TOOL…`.
func runTool(arguments []string) (int, error) {
	limit, err := seconds(arguments[1])
	if err != nil {
		return 2, err
	}
	s, err := newSupervisor()
	if err != nil {
		return 1, err
	}
	s.run(arguments[2:], os.Stdout, limit, standardInputEnds()).print(os.Stderr, arguments[0])
	return 0, nil // the report has the result of the tool
}

// runCommand is `run-tool command SECONDS TOOL…`.
func runCommand(arguments []string) (int, error) {
	limit, err := seconds(arguments[0])
	if err != nil {
		return 2, err
	}
	s, err := newSupervisor()
	if err != nil {
		return 1, err
	}
	ended := s.supervise(arguments[1:], os.Stdout, os.Stderr, limit, standardInputEnds(), nil)
	if ended.Ended == notStarted {
		os.Stderr.WriteString(ended.Errors + "\n")
	}
	return ended.exitCode(), nil
}

// run runs argv, and passes on its standard output while computing the checksum.
func (s *supervisor) run(argv []string, to io.Writer, limit time.Duration, gone <-chan struct{}) report {
	output, outputEnd, err := pipe()
	if err != nil {
		return failed(notStarted, err)
	}
	errors, errorsEnd, err := pipe()
	if err != nil {
		return failed(notStarted, err)
	}
	sum := &summed{to: to, hash: sha256.New()}
	tail := &tail{}
	copied := make(chan error, 1)
	go func() {
		// A File would choose its own, small buffer.
		_, err := io.CopyBuffer(sum, struct{ io.Reader }{output}, make([]byte, bufferBytes))
		copied <- err
	}()
	tailed := make(chan struct{})
	go func() {
		io.Copy(tail, errors)
		close(tailed)
	}()
	ended := s.supervise(argv, outputEnd, errorsEnd, limit, gone, copied)
	// The other end is closed now, unless a process outside this tree inherited it. Do not wait for that process.
	select {
	case <-tailed:
		ended.Errors = orElse(tail.String(), ended.Errors)
	case <-time.After(time.Second):
	}
	if !ended.isCut() {
		ended.Size, ended.SHA256 = sum.size, hex.EncodeToString(sum.hash.Sum(nil))
	}
	return ended
}

// supervise runs argv until it ends, reaches its time limit, or its output has no reader. It ends the remaining processes,
// and waits until the output is copied. It closes stdout and stderr if they are its own pipes, that is, if copied is not nil.
func (s *supervisor) supervise(
	argv []string, stdout, stderr *os.File, limit time.Duration, gone <-chan struct{}, copied chan error,
) report {
	pid, err := s.start(argv, stdout, stderr)
	if copied != nil {
		stdout.Close()
		stderr.Close()
	}
	if err != nil {
		if copied != nil {
			<-copied
		}
		return failed(notStarted, err)
	}
	ended, done := s.wait(pid, limit, gone, copied)
	if copied == nil || done || ended.isCut() {
		return ended
	}
	select {
	case err := <-copied:
		if err != nil {
			ended.Ended = readerGone
		}
	case <-gone:
		ended.Ended = readerGone
	case <-s.askedToEnd:
		ended.Ended = stopped
	case <-time.After(drainLimit):
		ended.Ended = readerGone
	}
	return ended
}

// wait waits until no descendant is left. It returns how pid ended, and whether its output was copied completely.
func (s *supervisor) wait(pid int, limit time.Duration, gone <-chan struct{}, copied chan error) (report, bool) {
	deadline, kill := time.NewTimer(limit), (<-chan time.Time)(nil)
	defer deadline.Stop()
	why, done := "", false
	end := func(reason string) {
		if why == "" {
			why, kill = reason, time.After(grace)
			_ = syscall.Kill(-pid, syscall.SIGTERM)
		}
	}
	for {
		status, _ := s.reap(pid)
		if status == nil {
			select {
			case <-s.childEnded:
				continue
			case <-deadline.C:
				end(timeLimit)
				continue
			case <-gone:
				gone = nil
				end(readerGone)
				continue
			case <-s.askedToEnd:
				end(stopped)
				continue
			case err := <-copied: // the tool has closed its output, or there is no reader
				copied, done = nil, true
				if err != nil {
					end(readerGone)
				}
				continue
			case <-kill:
			}
		}
		last, left := s.endAll(pid)
		if status == nil {
			status = last
		}
		return described(status, why, left), done
	}
}

func described(status *syscall.WaitStatus, why string, left int) report {
	switch {
	case why != "":
		return report{Ended: why, Left: left}
	case status.Signaled():
		number := status.Signal()
		return report{Ended: signalled, Code: int(number), Signal: signalName(number), Left: left}
	}
	return report{Ended: exited, Code: status.ExitStatus(), Left: left}
}

var signalNames = map[syscall.Signal]string{
	syscall.SIGABRT: "SIGABRT", syscall.SIGBUS: "SIGBUS", syscall.SIGFPE: "SIGFPE", syscall.SIGHUP: "SIGHUP",
	syscall.SIGILL: "SIGILL", syscall.SIGINT: "SIGINT", syscall.SIGKILL: "SIGKILL", syscall.SIGPIPE: "SIGPIPE",
	syscall.SIGQUIT: "SIGQUIT", syscall.SIGSEGV: "SIGSEGV", syscall.SIGSYS: "SIGSYS", syscall.SIGTERM: "SIGTERM",
	syscall.SIGTRAP: "SIGTRAP", syscall.SIGXCPU: "SIGXCPU", syscall.SIGXFSZ: "SIGXFSZ",
}

func signalName(number syscall.Signal) string {
	return orElse(signalNames[number], number.String())
}

// standardInputEnds is closed when standard input ends; nil if that is not a pipe or socket.
func standardInputEnds() <-chan struct{} {
	found, err := os.Stdin.Stat()
	if err != nil || found.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return nil
	}
	ended := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	return ended
}

// pipe creates a large pipe, which halves the context switches between the tool, this process and the reader.
func pipe() (reader, writer *os.File, err error) {
	reader, writer, err = os.Pipe()
	if err == nil {
		// If this is refused, the pipe keeps its size.
		_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, writer.Fd(), setPipeSize, pipeBytes)
	}
	return
}

// summed forwards its input, and computes the checksum of the accepted bytes.
type summed struct {
	to   io.Writer
	hash hash.Hash
	size int64
}

func (s *summed) Write(piece []byte) (int, error) {
	taken, err := s.to.Write(piece)
	s.hash.Write(piece[:taken])
	s.size += int64(taken)
	return taken, err
}

// tail keeps the last bytes of its input.
type tail struct{ kept bytes.Buffer }

func (t *tail) Write(piece []byte) (int, error) {
	t.kept.Write(piece)
	if more := t.kept.Len() - errorsBytes; more > 0 {
		t.kept.Next(more)
	}
	return len(piece), nil
}

func (t *tail) String() string { return string(bytes.ToValidUTF8(t.kept.Bytes(), []byte("\uFFFD"))) }

func orElse(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}
