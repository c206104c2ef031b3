package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	defaultPort = 9229
	openLimit   = 10 * time.Second
	pollEvery   = 50 * time.Millisecond
	tcpListen   = "0A" // include/net/tcp_states.h
	listLimit   = 1 << 20
)

var inspectOption = regexp.MustCompile(`--inspect[a-z-]*=(?:\S*:)?(\d+)`)

// inspector is the address of the inspector of a process.
type inspector struct {
	pid, port  int
	url        string
	openedByUs bool
}

// openInspector finds the inspector of the process, or opens it.
func openInspector(ctx context.Context, pid int) (*inspector, error) {
	before, err := listeningPorts(pid)
	if err != nil {
		return nil, orDenied(err)
	}
	for _, port := range configuredPorts(pid) {
		if url, err := debuggerURL(ctx, port); before[port] && err == nil {
			return &inspector{pid, port, url, false}, nil
		}
	}
	if err := askToOpen(pid); err != nil {
		return nil, err
	}
	// A signal does not stop this wait. Otherwise an inspector that is still opening could not be closed.
	return awaitOpen(context.WithoutCancel(ctx), pid, before)
}

// askToOpen sends SIGUSR1, which terminates a process without a handler for it.
func askToOpen(pid int) error {
	caught, err := catchesSIGUSR1(pid)
	if err != nil {
		return orDenied(err)
	}
	if !caught {
		return errors.New("it does not handle SIGUSR1 (not Node.js, or started with --disable-sigusr1), so no signal was sent")
	}
	if err := syscall.Kill(pid, syscall.SIGUSR1); err != nil {
		return orDenied(fmt.Errorf("SIGUSR1 was refused: %w", err))
	}
	return nil
}

func awaitOpen(ctx context.Context, pid int, before map[int]bool) (*inspector, error) {
	limited, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	for limited.Err() == nil {
		now, err := listeningPorts(pid)
		if err != nil {
			return nil, err
		}
		for port := range now {
			if before[port] {
				continue
			}
			if url, err := debuggerURL(limited, port); err == nil {
				return &inspector{pid, port, url, true}, nil
			}
		}
		pause(limited, pollEvery)
	}
	return nil, fmt.Errorf("its inspector did not open within %s: another process may use port %d, or the program handles SIGUSR1 itself", openLimit, defaultPort)
}

// close makes the process close its inspector, and waits until it is closed.
func (i *inspector) close(ctx context.Context) error {
	session, err := connect(ctx, i.url)
	if err != nil {
		return fmt.Errorf("its inspector on port %d is still open: %w", i.port, err)
	}
	defer session.disconnect()
	// There is no response, because the connection ends with the inspector.
	_, _ = session.evaluate(ctx, "require('inspector').close()")
	for ctx.Err() == nil {
		if open, err := listeningPorts(i.pid); err != nil || !open[i.port] {
			return nil
		}
		pause(ctx, pollEvery)
	}
	return fmt.Errorf("its inspector on port %d is still open", i.port)
}

func debuggerURL(ctx context.Context, port int) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/json/list", port), nil)
	if err != nil {
		return "", err
	}
	answer, err := withoutRedirects.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	var targets []struct {
		URL string `json:"webSocketDebuggerUrl"`
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, listLimit)).Decode(&targets); err != nil {
		return "", err
	}
	if len(targets) == 0 || targets[0].URL == "" {
		return "", fmt.Errorf("port %d is not an inspector", port)
	}
	named, err := url.Parse(targets[0].URL)
	if err != nil {
		return "", fmt.Errorf("port %d is not an inspector", port)
	}
	// Use only the path from the process. It must not choose the host.
	local := url.URL{Scheme: "ws", Host: fmt.Sprintf("127.0.0.1:%d", port), Path: named.Path}
	return local.String(), nil
}

// configuredPorts are the ports on which the inspector is open from the start.
func configuredPorts(pid int) []int {
	ports := []int{defaultPort}
	for _, file := range []string{"cmdline", "environ"} {
		content, _ := os.ReadFile(proc(pid, file))
		for _, found := range inspectOption.FindAllStringSubmatch(string(content), -1) {
			if port, err := strconv.Atoi(found[1]); err == nil {
				ports = append(ports, port)
			}
		}
	}
	return ports
}

func catchesSIGUSR1(pid int) (bool, error) {
	status, err := os.ReadFile(proc(pid, "status"))
	if err != nil {
		return false, err
	}
	for line := range strings.Lines(string(status)) {
		if mask, found := strings.CutPrefix(line, "SigCgt:"); found {
			bits, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
			return bits>>(uint(syscall.SIGUSR1)-1)&1 == 1, err
		}
	}
	return false, errors.New("its status contains no signals")
}

// listeningPorts are the TCP ports on which this process, and no other of the pod, listens.
func listeningPorts(pid int) (map[int]bool, error) {
	inodes, err := socketInodes(pid)
	if err != nil {
		return nil, err
	}
	ports := map[int]bool{}
	for _, table := range []string{"net/tcp", "net/tcp6"} {
		content, err := os.ReadFile(proc(pid, table))
		if err != nil && !errors.Is(err, os.ErrNotExist) { // no IPv6 on the node
			return nil, err
		}
		for line := range strings.Lines(string(content)) {
			// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …
			fields := strings.Fields(line)
			if len(fields) < 10 || fields[3] != tcpListen || !inodes[fields[9]] {
				continue
			}
			_, hex, _ := strings.Cut(fields[1], ":")
			if port, err := strconv.ParseUint(hex, 16, 16); err == nil {
				ports[int(port)] = true
			}
		}
	}
	return ports, nil
}

func socketInodes(pid int) (map[string]bool, error) {
	links, err := os.ReadDir(proc(pid, "fd"))
	if err != nil {
		return nil, err
	}
	inodes := map[string]bool{}
	for _, link := range links {
		target, _ := os.Readlink(proc(pid, filepath.Join("fd", link.Name()))) // an error means that it was closed, so it is not the socket
		if inode, found := strings.CutPrefix(target, "socket:["); found {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return inodes, nil
}

func proc(pid int, file string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), file)
}

func pause(ctx context.Context, duration time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(duration):
	}
}
