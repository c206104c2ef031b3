// Command dotnet-inspect takes evidence from a running .NET process (.NET Core 3.1 or later) through its diagnostic port.
//
//	dotnet-inspect info PID           version of .NET, operating system and entry assembly
//	dotnet-inspect stacks PID         managed stacks of all threads, as text
//	dotnet-inspect heap PID           objects on the heap by type, as text; causes a garbage collection
//	dotnet-inspect counters PID       counters of the runtime, of ASP.NET Core and of HttpClient, as text
//	dotnet-inspect trace PID SECONDS  a .nettrace with samples of all stacks and the events of the runtime
//	dotnet-inspect dump PID NAME      a core dump, compressed with gzip
//
// The result goes to standard output. The process itself writes a dump to a file NAME beside its diagnostic socket; it is
// removed at the end. Every session in the process is stopped, also when this program gets a signal. The environment of
// the process is never collected. The program needs the same user as the process, and no capability.
//
// Exit code 13: the process belongs to another user and may not be inspected. Exit code 78: it has no diagnostic port;
// the last line of standard error has the reason and a remedy.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

const (
	deniedExitCode      = 13 // denied_exit_code of collectors/dotnet.yaml
	notPossibleExitCode = 78 // NOT_POSSIBLE of capture/transfer.py

	longestTrace = 3600 // seconds
)

const usage = "usage: dotnet-inspect info|stacks|heap|counters PID | trace PID SECONDS | dump PID NAME"

// dumpName has no slash, so that a dump stays in its directory.
var dumpName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// work is a command with its arguments.
type work func(ctx context.Context, c *client, out io.Writer) error

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println("dotnet-inspect 1")
		return
	}
	pid, run, ok := parse(os.Args[1:])
	if !ok {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	if err := capture(ctx, pid, run); err != nil {
		fmt.Fprintf(os.Stderr, "dotnet-inspect: process %d: %v\n", pid, err)
		os.Exit(exitCode(err))
	}
}

// parse returns the process and the work that the arguments request.
func parse(arguments []string) (pid int, run work, ok bool) {
	if len(arguments) < 2 {
		return 0, nil, false
	}
	pid, err := strconv.Atoi(arguments[1])
	if err != nil || pid <= 0 {
		return 0, nil, false
	}
	switch name, rest := arguments[0], arguments[2:]; {
	case len(rest) == 0:
		run = map[string]work{"info": info, "stacks": stacks, "heap": heap, "counters": counters}[name]
	case len(rest) == 1 && name == "trace":
		if seconds, err := strconv.Atoi(rest[0]); err == nil && 0 < seconds && seconds <= longestTrace {
			run = tracing(time.Duration(seconds) * time.Second)
		}
	case len(rest) == 1 && name == "dump" && dumpName.MatchString(rest[0]):
		run = dumping(rest[0])
	}
	return pid, run, run != nil
}

func capture(ctx context.Context, pid int, run work) error {
	c, err := newClient(pid)
	if err != nil {
		return err
	}
	defer c.close()
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	if err := run(ctx, c, out); err != nil {
		return errors.Join(err, out.Flush())
	}
	return out.Flush()
}

func exitCode(err error) int {
	var port noPort
	switch {
	case errors.As(err, &port):
		return notPossibleExitCode
	case errors.Is(err, fs.ErrPermission): // EACCES and EPERM, of the process's files and its socket
		return deniedExitCode
	default:
		return 1
	}
}
