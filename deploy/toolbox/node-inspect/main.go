// Command node-inspect takes evidence from a running Node.js process through its inspector.
//
//	node-inspect stacks PID              the JavaScript that runs, and what the process waits for, as text
//	node-inspect report PID              the diagnostic report without the environment, as JSON
//	node-inspect cpu-profile PID SECONDS a .cpuprofile
//	node-inspect heap-snapshot PID       a .heapsnapshot; pauses the process
//
// The result goes to standard output. An inspector that was closed is opened by SIGUSR1 and closed again, also when
// this program gets a signal. It needs the same user and the same network as the process, and no capability. Exit code
// 13: the process belongs to another user and may not be inspected.
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
	"strconv"
	"syscall"
	"time"
)

const deniedExitCode = 13 // denied_exit_code of collectors/node.yaml

// denied is a permission error for the process's files in /proc or for a signal to it.
type denied struct{ error }

func orDenied(err error) error {
	if errors.Is(err, fs.ErrPermission) { // EACCES and EPERM
		return denied{err}
	}
	return err
}

type command struct {
	arguments int
	run       func(ctx context.Context, s *session, out io.Writer, arguments []int) error
}

var commands = map[string]command{
	"stacks":        {0, stacks},
	"report":        {0, report},
	"cpu-profile":   {1, cpuProfile},
	"heap-snapshot": {0, heapSnapshot},
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println("node-inspect 1")
		return
	}
	chosen, pid, numbers, ok := parse(os.Args[1:])
	if !ok {
		fmt.Fprintln(os.Stderr, "usage: node-inspect stacks|report|heap-snapshot PID | cpu-profile PID SECONDS")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	if err := capture(ctx, chosen, pid, numbers); err != nil {
		fmt.Fprintf(os.Stderr, "node-inspect: process %d: %v\n", pid, err)
		var refused denied
		if errors.As(err, &refused) {
			os.Exit(deniedExitCode)
		}
		os.Exit(1)
	}
}

func parse(arguments []string) (chosen command, pid int, numbers []int, ok bool) {
	if len(arguments) < 2 {
		return
	}
	chosen, ok = commands[arguments[0]]
	for _, word := range arguments[1:] {
		number, err := strconv.Atoi(word)
		ok = ok && err == nil && number > 0
		numbers = append(numbers, number)
	}
	ok = ok && len(numbers) == 1+chosen.arguments
	return chosen, numbers[0], numbers[1:], ok
}

// capture restores the state of the inspector in any case.
func capture(ctx context.Context, chosen command, pid int, numbers []int) (err error) {
	inspector, err := openInspector(ctx, pid)
	if err != nil {
		return err
	}
	if inspector.openedByUs {
		defer func() {
			// The context of the caller may have ended: closing has a separate time limit.
			limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			if closing := inspector.close(limited); closing != nil && err == nil {
				err = closing
			}
		}()
	}
	session, err := connect(ctx, inspector.url)
	if err != nil {
		return err
	}
	defer session.disconnect()
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	if err := chosen.run(ctx, session, out, numbers); err != nil {
		return err
	}
	return out.Flush()
}
