package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The runtime forks to write a dump. In a single-file application, the child writes the dump itself; otherwise it starts
// createdump. The child can hang (seen with .NET 10, right after a trace), probably because it waits for a lock of the C
// library that another thread held during the fork. The runtime then never answers, and the child may keep the threads
// stopped that it has attached to.

const (
	commandThread = ".NET EventPipe" // the thread that answers commands; a child has the name of the thread that forked
	idleLimit     = 30 * time.Second // of a child that neither computes nor waits for a disk
	idleLooks     = 6
)

// child is a process that the runtime has forked: its PID and the processor time that it has used, in clock ticks.
type child struct {
	pid   int
	ticks uint64
}

// watchForks ends children that the process forks from now on, if they do nothing for the limit. The result stops the
// watch, and returns how many children it has ended.
func watchForks(pid int, limit time.Duration) (stop func() int) {
	earlier := map[int]bool{}
	for _, forked := range sleepingForks(pid) {
		earlier[forked.pid] = true
	}
	stopped, ended := make(chan struct{}), make(chan int)
	go func() {
		count, idle := 0, map[child]int{}
		looks := time.NewTicker(limit / idleLooks)
		defer looks.Stop()
		for {
			select {
			case <-stopped:
				ended <- count
				return
			case <-looks.C:
			}
			seen := map[child]int{}
			for _, forked := range sleepingForks(pid) {
				if seen[forked] = idle[forked] + 1; seen[forked] > idleLooks && !earlier[forked.pid] {
					if syscall.Kill(forked.pid, syscall.SIGKILL) == nil {
						count++
					}
				}
			}
			idle = seen
		}
	}()
	return func() int {
		close(stopped)
		return <-ended
	}
}

// sleepingForks returns the children of the process that run its program, have the name of the thread that answers
// commands, and sleep.
func sleepingForks(pid int) []child {
	program, err := os.Readlink(proc(pid, "exe"))
	if err != nil {
		return nil
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // fails for a malformed pattern only
	var forks []child
	for _, file := range stats {
		content, err := os.ReadFile(file)
		if err != nil {
			continue // the process has ended
		}
		forked, parent, sleeps := readFork(string(content))
		if parent != pid || !sleeps {
			continue
		}
		if itsProgram, err := os.Readlink(proc(forked.pid, "exe")); err == nil && itsProgram == program {
			forks = append(forks, forked)
		}
	}
	return forks
}

// readFork reads a line of /proc/PID/stat. It returns the process, its parent, and whether it sleeps with the name of the
// thread that answers commands.
func readFork(stat string) (forked child, parent int, sleeps bool) {
	number, rest, _ := strings.Cut(stat, " ")
	name, after, found := cutLast(rest, ") ")
	fields := strings.Fields(after) // from field 3 on; proc_pid_stat(5)
	if !found || len(fields) < 13 {
		return child{}, 0, false
	}
	forked.pid, _ = strconv.Atoi(number) // the kernel wrote these numbers
	parent, _ = strconv.Atoi(fields[1])
	user, _ := strconv.ParseUint(fields[11], 10, 64)
	system, _ := strconv.ParseUint(fields[12], 10, 64)
	forked.ticks = user + system
	return forked, parent, fields[0] == "S" && name == "("+commandThread
}
