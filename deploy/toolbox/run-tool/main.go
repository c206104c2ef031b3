// Command run-tool runs the tools of a debug container. Each tool ends within its time limit and leaves no process behind.
//
//	run-tool run NONCE SECONDS TOOL [ARGUMENT…]   runs a tool; its output goes to standard output, the report follows
//	run-tool command SECONDS TOOL [ARGUMENT…]     runs a command as it is: its output, its errors, its exit code
//	run-tool fetch NONCE OFFSET FILE              sends a file from an offset on; the report has the checksum of the whole file
//	run-tool remove FILE…                         removes files; a missing file is not an error
//	run-tool hold BASE SECONDS TICKET             first process of a debug container: waits, and runs jobs
//	run-tool ready BASE [COMMAND…]                waits up to 1 s for hold, exit code 75 if it is not ready; then
//	                                              0, or the exit code of the command
//	run-tool approved NONCE COUNT CHECK… COMMAND…
//	                                              runs a check of COUNT words, then prints a line with NONCE; becomes the
//	                                              command once a line arrives on standard input, and ends if none arrives
//	run-tool join|leave BASE TICKET               shares the container; the last one that leaves ends it
//	run-tool start BASE JOB SECONDS OUTPUT TOOL [ARGUMENT…]
//	                                              makes hold run a tool that survives the connection. BASE/jobs/JOB.out has
//	                                              its output. At its end, hold removes OUTPUT unless it is ""
//	run-tool wait NONCE BASE JOB SECONDS FILE     waits for a job: prints how far FILE has grown; the report follows
//
// The report is one line on standard error, "debug-capture-end NONCE {JSON}" (type report). It contains the errors of a
// tool, which are never on that stream. The caller chooses a random nonce, so that a tool cannot forge a report.
//
// A shell cannot do this: a debug container shares the PID namespace of the target, so an orphan of a shell, a `timeout` or a
// pipeline becomes a child of the target's first process, which rarely waits for it, and stays a zombie until the pod ends.
// This program is a child subreaper (prctl(2)): all orphaned descendants become its children. It ends them when the tool has
// ended, at the time limit, on SIGTERM, SIGINT and SIGHUP, and when its standard input, if it is a pipe, ends, because the
// output then has no reader (an exec session with stdin keeps it open until the client disconnects). It also limits the
// memory of a tool (memory.go).
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

// version identifies the contract with the caller. It changes with the commands, their arguments and the report.
const version = "run-tool 3"

func init() {
	// PR_SET_PDEATHSIG, with which tools are started, depends on the thread that starts a tool, not on the process. So main
	// stays on a thread that exists as long as the process.
	runtime.LockOSThread()
}

func main() {
	os.Exit(dispatch(os.Args[1:]))
}

type subcommand struct {
	least int // arguments
	most  int // -1: any number
	run   func(arguments []string) (exitCode int, err error)
}

var subcommands map[string]subcommand

func init() {
	subcommands = map[string]subcommand{
		"run":      {3, -1, runTool},
		"command":  {2, -1, runCommand},
		"fetch":    {3, 3, fetch},
		"remove":   {1, -1, remove},
		"hold":     {3, 3, hold},
		"ready":    {1, -1, ready},
		"approved": {4, -1, approved},
		"join":     {2, 2, join},
		"leave":    {2, 2, leave},
		"start":    {5, -1, startJob},
		"job":      {2, 2, runJob}, // started by hold
		"wait":     {5, 5, waitForJob},
	}
}

func dispatch(arguments []string) int {
	if len(arguments) == 1 && arguments[0] == "--version" {
		fmt.Println(version)
		return 0
	}
	if len(arguments) > 0 {
		chosen, known := subcommands[arguments[0]]
		count := len(arguments) - 1
		if known && count >= chosen.least && (chosen.most < 0 || count <= chosen.most) {
			code, err := chosen.run(arguments[1:])
			if err != nil {
				fmt.Fprintf(os.Stderr, "run-tool: %v\n", err)
			}
			return code
		}
	}
	fmt.Fprintln(os.Stderr, "usage: run-tool run|command|fetch|remove|hold|ready|approved|join|leave|start|wait ARGUMENTS…; see main.go")
	return 2
}

func remove(files []string) (int, error) {
	for _, file := range files {
		if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
			return 1, err
		}
	}
	return 0, nil
}

// seconds reads a time limit.
func seconds(word string) (time.Duration, error) {
	number, err := strconv.Atoi(word)
	if err != nil || number <= 0 || number > 1<<30 {
		return 0, fmt.Errorf("%q is not a number of seconds", word)
	}
	return time.Duration(number) * time.Second, nil
}
