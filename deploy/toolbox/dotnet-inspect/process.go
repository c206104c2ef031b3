package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	startTimeField    = 22 // proc_pid_stat(5)
	environmentLimit  = 4 << 20
	longestThreadName = 15 // TASK_COMM_LEN of the kernel, without the NUL
)

func proc(pid int, file string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), file)
}

// startTime is the start time of the process in clock ticks since the start of the node.
func startTime(pid int) (uint64, error) {
	content, err := os.ReadFile(proc(pid, "stat"))
	if err != nil {
		return 0, err
	}
	return startTimeOf(string(content))
}

// startTimeOf reads a line of /proc/PID/stat. The name of the program, in parentheses, may contain anything.
func startTimeOf(stat string) (uint64, error) {
	_, rest, found := cutLast(stat, ")")
	fields := strings.Fields(rest) // from field 3 on
	if !found || len(fields) <= startTimeField-3 {
		return 0, errors.New("its stat has no start time")
	}
	return strconv.ParseUint(fields[startTimeField-3], 10, 64)
}

func cutLast(text, separator string) (before, after string, found bool) {
	if at := strings.LastIndex(text, separator); at >= 0 {
		return text[:at], text[at+len(separator):], true
	}
	return text, "", false
}

// innerPID is the PID of the process in its own PID namespace.
func innerPID(pid int) (int, error) {
	content, err := os.ReadFile(proc(pid, "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(content)) {
		if numbers, found := strings.CutPrefix(line, "NSpid:"); found {
			fields := strings.Fields(numbers)
			if len(fields) > 0 {
				return strconv.Atoi(fields[len(fields)-1])
			}
		}
	}
	return pid, nil // a kernel before 4.1
}

// variables returns the named variables of the process's environment, and no others.
func variables(pid int, names ...string) (map[string]string, error) {
	file, err := os.Open(proc(pid, "environ"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := readUpTo(file, environmentLimit)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for entry := range bytes.SplitSeq(content, []byte{0}) {
		name, value, _ := strings.Cut(string(entry), "=")
		for _, wanted := range names {
			if name == wanted {
				values[name] = value
			}
		}
	}
	return values, nil
}

// threadName is the name of a thread, as the kernel has it; "" if the thread has ended.
func threadName(pid int, thread uint64) string {
	content, err := os.ReadFile(proc(pid, fmt.Sprintf("task/%d/comm", thread)))
	if err != nil {
		return ""
	}
	name := printable(strings.TrimRight(string(content), "\n"))
	return name[:min(len(name), longestThreadName)]
}

// printable replaces characters that could forge a line or control a terminal.
func printable(text string) string {
	return strings.Map(func(letter rune) rune {
		if strconv.IsPrint(letter) {
			return letter
		}
		return '?'
	}, text)
}
