package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	endWord       = "end"           // ends hold when it is written to its pipe
	joinLimit     = 5 * time.Second // for hold to be ready, if a capture joins the container of another one
	startLimit    = time.Second     // for hold to be ready, in a container that has just started
	readyEvery    = 2 * time.Millisecond
	pollEvery     = 20 * time.Millisecond
	progressEvery = 5 * time.Second
	reportGrace   = 20 * time.Second // for a job to be ended, beyond its time limit
	notReady      = 75               // exit code of `ready` if hold does not become ready; EX_TEMPFAIL of sysexits(3)
)

// folder is shared by hold and the other commands: users/TICKET, jobs/JOB.*, and the pipe for commands to hold.
type folder string

func (f folder) pipe() string                 { return filepath.Join(string(f), "pipe") }
func (f folder) users() string                { return filepath.Join(string(f), "users") }
func (f folder) user(ticket string) string    { return filepath.Join(f.users(), ticket) }
func (f folder) job(name, kind string) string { return filepath.Join(string(f), "jobs", name+kind) }

// job is a request of `start` to hold.
type job struct {
	Argv    []string `json:"argv"`
	Seconds int      `json:"seconds"`
	Output  string   `json:"output"` // a file that the tool writes, which hold removes at its end; "" for none
}

// hold is `run-tool hold BASE SECONDS TICKET`, the first process of a debug container. It waits until the last user has
// left, its time limit is reached, or it gets a signal. Then it ends every job that still runs, and removes the files that jobs have
// written in the target, because the process that should fetch them may have been killed.
func hold(arguments []string) (int, error) {
	base := folder(arguments[0])
	limit, err := seconds(arguments[1])
	if err != nil {
		return 2, err
	}
	s, err := newSupervisor()
	if err != nil {
		return 1, err
	}
	pipe, err := base.make(arguments[2])
	if err != nil {
		return 1, err
	}
	words := make(chan string)
	go func() {
		for lines := bufio.NewScanner(pipe); lines.Scan(); {
			words <- lines.Text()
		}
	}()
	over := time.After(limit)
	for {
		select {
		case <-s.childEnded:
			s.reap(0)
			continue
		case word := <-words:
			if word != endWord {
				s.startJob(base, word)
				continue
			}
		case <-over:
		case <-s.askedToEnd:
		}
		s.endJobs()
		base.removeOutputs()
		return 0, os.RemoveAll(string(base))
	}
}

// make creates the folder with its first user, and opens the pipe. It also opens the writing end, so that the pipe stays open
// between writers.
func (f folder) make(ticket string) (*os.File, error) {
	if err := os.RemoveAll(string(f)); err != nil {
		return nil, err
	}
	if err := os.Mkdir(string(f), 0o700); err != nil {
		return nil, err
	}
	for _, path := range []string{f.users(), f.user(ticket), filepath.Dir(f.job("any", ""))} {
		if err := os.Mkdir(path, 0o700); err != nil {
			return nil, err
		}
	}
	// Create it under another name: `ready` must not find a pipe without a reader.
	unready := f.pipe() + ".part"
	if err := syscall.Mkfifo(unready, 0o600); err != nil {
		return nil, err
	}
	pipe, err := os.OpenFile(unready, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return pipe, os.Rename(unready, f.pipe())
}

func (s *supervisor) startJob(base folder, name string) {
	itself, err := os.Executable()
	if err == nil {
		_, err = s.start([]string{itself, "job", string(base), name}, os.Stdout, os.Stderr)
	}
	if err != nil {
		_ = base.finish(name, failed(notStarted, err))
	}
}

// endJobs sends a signal to each job, which then ends its tool.
func (s *supervisor) endJobs() {
	for _, child := range children() {
		_ = syscall.Kill(child, syscall.SIGTERM)
	}
	for limit := time.Now().Add(grace + time.Second); time.Now().Before(limit); time.Sleep(reapEvery) {
		if _, left := s.reap(0); !left {
			return
		}
	}
	s.endAll(0)
}

// removeOutputs removes the files that jobs have written. A file that cannot be removed stays: nothing reads an error any more.
func (f folder) removeOutputs() {
	asked, _ := filepath.Glob(f.job("*", ".job"))
	for _, file := range asked {
		if job, err := readJob(file); err == nil && job.Output != "" {
			_ = os.Remove(job.Output)
		}
	}
}

func readJob(file string) (asked job, err error) {
	content, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(content, &asked)
	}
	return asked, err
}

// runJob is `run-tool job BASE JOB`.
func runJob(arguments []string) (int, error) {
	base, name := folder(arguments[0]), arguments[1]
	ended, err := executeJob(base, name)
	if err != nil {
		ended = failed(notStarted, err)
	}
	return 0, base.finish(name, ended)
}

func executeJob(base folder, name string) (report, error) {
	asked, err := readJob(base.job(name, ".job"))
	if err != nil {
		return report{}, err
	}
	output, err := os.OpenFile(base.job(name, ".out"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return report{}, err
	}
	defer output.Close()
	s, err := newSupervisor()
	if err != nil {
		return report{}, err
	}
	return s.run(asked.Argv, output, time.Duration(asked.Seconds)*time.Second, nil), nil
}

// finish writes the report for `wait` atomically.
func (f folder) finish(name string, ended report) error {
	encoded, err := json.Marshal(ended)
	if err != nil {
		return err
	}
	return writeWhole(f.job(name, ".end"), encoded)
}

func writeWhole(path string, content []byte) error {
	if err := os.WriteFile(path+".part", content, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}

// startJob is `run-tool start BASE JOB SECONDS OUTPUT TOOL…`.
func startJob(arguments []string) (int, error) {
	base, name := folder(arguments[0]), arguments[1]
	limit, err := seconds(arguments[2])
	if err != nil {
		return 2, err
	}
	if name == endWord || strings.ContainsAny(name, "/\n") {
		return 2, fmt.Errorf("%q is no name for a job", name)
	}
	asked, err := json.Marshal(job{arguments[4:], int(limit / time.Second), arguments[3]})
	if err != nil {
		return 1, err
	}
	if err := writeWhole(base.job(name, ".job"), asked); err != nil {
		return 1, err
	}
	return base.send(name)
}

// send writes a word to hold's pipe. It does not block: without a reader, it fails immediately.
func (f folder) send(word string) (int, error) {
	pipe, err := os.OpenFile(f.pipe(), os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return 1, err
	}
	defer pipe.Close()
	if _, err := io.WriteString(pipe, word+"\n"); err != nil {
		return 1, err
	}
	return 0, nil
}

// waitForJob is `run-tool wait NONCE BASE JOB SECONDS FILE`.
func waitForJob(arguments []string) (int, error) {
	nonce, base, name, file := arguments[0], folder(arguments[1]), arguments[2], arguments[4]
	limit, err := seconds(arguments[3])
	if err != nil {
		return 2, err
	}
	gone, over := standardInputEnds(), time.After(limit+reportGrace)
	poll, progress := time.NewTicker(pollEvery), time.NewTicker(progressEvery)
	for {
		content, err := os.ReadFile(base.job(name, ".end"))
		if err == nil {
			var ended report
			if err := json.Unmarshal(content, &ended); err != nil {
				return 1, err
			}
			ended.print(os.Stderr, nonce)
			return 0, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return 1, err
		}
		select {
		case <-poll.C:
		case <-progress.C:
			if found, err := os.Stat(file); err == nil {
				fmt.Printf("bytes %d\n", found.Size())
			}
		case <-gone:
			return 1, nil
		case <-over:
			report{Ended: timeLimit}.print(os.Stderr, nonce)
			return 0, nil
		}
	}
}

// waitUntilReady waits until hold is ready. It returns an error if hold is not ready within the limit.
func (f folder) waitUntilReady(limit time.Duration) error {
	for end := time.Now().Add(limit); ; time.Sleep(readyEvery) {
		_, err := os.Stat(f.pipe())
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}

// ready is `run-tool ready BASE [COMMAND…]`. The command replaces this process: its caller needs no second exec. It waits
// for hold, which starts at the same time as the container: an exec that has to be repeated costs more.
func ready(arguments []string) (int, error) {
	base, command := folder(arguments[0]), arguments[1:]
	if err := base.waitUntilReady(startLimit); err != nil {
		return notReady, err
	}
	if len(command) == 0 {
		return 0, nil
	}
	return become(command)
}

// become replaces this process by a command. It returns only if that fails.
func become(command []string) (int, error) {
	program, err := exec.LookPath(command[0])
	if err != nil {
		return 127, err
	}
	return 126, syscall.Exec(program, command, os.Environ())
}

// join is `run-tool join BASE TICKET`: it fails if the last user has left, so that no capture joins a container that ends.
func join(arguments []string) (int, error) {
	base := folder(arguments[0])
	if err := base.waitUntilReady(joinLimit); err != nil {
		return 1, err
	}
	if err := os.Mkdir(base.user(arguments[1]), 0o700); err != nil {
		return 1, err
	}
	return 0, nil
}

// leave is `run-tool leave BASE TICKET`. If the folder of users can be removed, it was empty, and no user can join
// any more. Then leave ends hold.
func leave(arguments []string) (int, error) {
	base := folder(arguments[0])
	if err := os.Remove(base.user(arguments[1])); err != nil && !errors.Is(err, os.ErrNotExist) {
		return 1, err
	}
	switch err := os.Remove(base.users()); {
	case err == nil:
		return base.send(endWord)
	case errors.Is(err, syscall.ENOTEMPTY), errors.Is(err, os.ErrNotExist): // it has other users, or ends already
		return 0, nil
	default:
		return 1, err
	}
}
