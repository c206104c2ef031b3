package main

import (
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	prSetChildSubreaper = 36               // prctl(2)
	grace               = 2 * time.Second  // between SIGTERM and SIGKILL, for a tool to resume a process that it has stopped
	reapLimit           = 10 * time.Second // for processes that SIGKILL does not end: those of another user, or in the kernel
	reapEvery           = 2 * time.Millisecond
)

// supervisor starts processes and waits for every descendant. One goroutine owns it: it only signals children that it has
// not waited for yet, so their PIDs cannot belong to other processes.
type supervisor struct {
	childEnded chan os.Signal
	askedToEnd chan os.Signal
}

func newSupervisor() (*supervisor, error) {
	if _, _, errno := syscall.Syscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); errno != 0 {
		return nil, errno
	}
	if err := limitMemory(); err != nil {
		return nil, err
	}
	s := &supervisor{make(chan os.Signal, 1), make(chan os.Signal, 1)}
	signal.Notify(s.childEnded, syscall.SIGCHLD)
	signal.Notify(s.askedToEnd, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	// Catch SIGPIPE, so that a write to a stream without a reader is an error and does not end this process. Do not ignore it,
	// because a tool would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return s, nil
}

// start runs argv as the leader of a new process group. It ends if this process is killed.
func (s *supervisor) start(argv []string, stdout, stderr *os.File) (pid int, err error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return 0, err
	}
	nothing, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer nothing.Close()
	return syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{nothing.Fd(), stdout.Fd(), stderr.Fd()},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	})
}

// reap collects all ended children without blocking. It returns how pid ended, if it did, and whether any are left.
func (s *supervisor) reap(pid int) (status *syscall.WaitStatus, left bool) {
	for {
		var one syscall.WaitStatus
		ended, err := syscall.Wait4(-1, &one, syscall.WNOHANG, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil: // ECHILD: there are none
			return status, false
		case ended == 0:
			return status, true
		case ended == pid:
			status = &one
		}
	}
}

// endAll kills every descendant and waits for it. It returns how pid ended, if it did, and how many could not be ended. The
// children of a killed child become children of this process, so repeated kills reach all descendants.
func (s *supervisor) endAll(pid int) (status *syscall.WaitStatus, left int) {
	deadline := time.Now().Add(reapLimit)
	for {
		ended, some := s.reap(pid)
		if ended != nil {
			status = ended
		}
		if !some {
			return status, 0
		}
		ours := children()
		for _, child := range ours {
			_ = syscall.Kill(child, syscall.SIGKILL)
		}
		if time.Now().After(deadline) {
			return status, len(ours)
		}
		time.Sleep(reapEvery)
	}
}

// children are the PIDs of the children of this process, including ended ones. Source: proc_pid_stat(5).
func children() []int {
	var found []int
	self := strconv.Itoa(os.Getpid())
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue // it has ended
		}
		// The name, in parentheses, may contain any characters, including parentheses.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) > 1 && fields[1] == self {
			found = append(found, pid)
		}
	}
	return found
}
