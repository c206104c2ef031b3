package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	socketListens = "00010000" // __SO_ACCEPTCON of include/uapi/linux/net.h
	tableLimit    = 64 << 20   // of /proc/PID/net/unix, which has the sockets of the whole pod
	writable      = 0x2        // W_OK of access(2)
	defaultFolder = "/tmp"     // of the runtime, if TMPDIR is not set
	folderName    = "TMPDIR"   // the variable that chooses the directory of the socket
)

// The variables that turn the diagnostic port off if their value is 0:
// https://learn.microsoft.com/dotnet/core/runtime-config/debugging-profiling#enable-diagnostics
var switches = []string{
	"DOTNET_EnableDiagnostics", "DOTNET_EnableDiagnostics_IPC",
	"COMPlus_EnableDiagnostics", "COMPlus_EnableDiagnostics_IPC",
}

// noPort is the reason why a process has no diagnostic port, with a remedy. Nothing can be collected from the process.
type noPort struct{ reason string }

func (n noPort) Error() string { return n.reason }

// port is the diagnostic socket of one process.
type port struct {
	pid  int
	path string // as the process sees it
}

// findPort finds the socket that this process, and no other, listens on. The name of the socket contains the PID and the
// start time, so that a socket that an earlier process left behind is not mistaken for it.
func findPort(pid int) (port, error) {
	start, err := startTime(pid)
	if err != nil {
		return port{}, err
	}
	inner, err := innerPID(pid)
	if err != nil {
		return port{}, err
	}
	own, err := socketInodes(pid)
	if err != nil {
		return port{}, err
	}
	table, err := os.Open(proc(pid, "net/unix"))
	if err != nil {
		return port{}, err
	}
	defer table.Close()
	content, err := readUpTo(table, tableLimit)
	if err != nil {
		return port{}, err
	}
	name := fmt.Sprintf("dotnet-diagnostic-%d-%d-socket", inner, start)
	if found := socketPath(string(content), name, own); found != "" {
		return port{pid, found}, nil
	}
	return port{}, whyNoPort(pid)
}

// socketPath is the path of the listening socket with this name, if its inode is one of own; "" if there is none.
func socketPath(table, name string, own map[string]bool) string {
	for line := range strings.Lines(table) {
		// Num RefCount Protocol Flags Type St Inode Path
		fields := strings.Fields(line)
		if len(fields) < 8 || fields[3] != socketListens || !own[fields[6]] {
			continue
		}
		_, where, _ := strings.Cut(line, " "+fields[6]+" ") // a path may contain blanks
		where = strings.TrimSuffix(where, "\n")
		if path.IsAbs(where) && path.Base(where) == name {
			return where
		}
	}
	return ""
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

// whyNoPort returns the visible cause.
func whyNoPort(pid int) error {
	values, err := variables(pid, append(switches, folderName)...)
	if err != nil {
		return err
	}
	for _, name := range switches {
		if value, set := values[name]; set && isZero(value) {
			return noPort{fmt.Sprintf("its diagnostics are switched off (%s=0). Remove the variable, and start it again", name)}
		}
	}
	folder := defaultFolder
	if value := values[folderName]; value != "" {
		folder = path.Clean(value)
	}
	if cause := unwritable(pid, folder); cause != "" {
		return noPort{fmt.Sprintf(
			"it could not create its diagnostic socket: %s %s. Mount a volume (emptyDir) at %s, or set TMPDIR to a directory that it can write to",
			printable(folder), cause, printable(folder),
		)}
	}
	return noPort{"it has no diagnostic socket: it is still starting, its runtime configuration switches diagnostics off, or it is not .NET Core 3.1 or later. Try again"}
}

// isZero reads a number as the runtime does: hexadecimal.
func isZero(value string) bool {
	number, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(strings.TrimSpace(value)), "0x"), 16, 64)
	return err == nil && number == 0
}

// unwritable returns why the process cannot create files in folder, or "" if this user sees no reason.
func unwritable(pid int, folder string) string {
	switch err := syscall.Access(filepath.Join(proc(pid, "root"), folder), writable); {
	case errors.Is(err, syscall.EROFS):
		return "is on a read-only file system"
	case errors.Is(err, fs.ErrNotExist):
		return "does not exist"
	case errors.Is(err, fs.ErrPermission):
		return "is not writable for its user"
	default:
		return ""
	}
}

// openFolder opens the directory of the socket. A symbolic link to a path outside of the process's files is rejected.
func (p port) openFolder() (*os.Root, error) {
	root, err := os.OpenRoot(proc(p.pid, "root"))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	relative := strings.TrimPrefix(path.Dir(p.path), "/")
	if relative == "" {
		relative = "."
	}
	folder, err := root.OpenRoot(relative)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, removedPort(p.path)
	}
	return folder, err
}

func removedPort(where string) error {
	return noPort{fmt.Sprintf(
		"its diagnostic socket %s was removed while it ran. Exclude dotnet-diagnostic-* from what cleans the directory, and start the process again",
		printable(where),
	)}
}

// readUpTo reads all, but not more than limit.
func readUpTo(from io.Reader, limit int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err == nil && int64(len(content)) > limit {
		return nil, fmt.Errorf("more than %d bytes to read", limit)
	}
	return content, err
}
