package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"syscall"
)

// How a tool ended: values of report.Ended.
const (
	exited     = "exited"      // with report.Code
	signalled  = "signal"      // ended by report.Signal, which run-tool did not send
	timeLimit  = "time-limit"  // ended by run-tool at its time limit
	readerGone = "reader-gone" // ended by run-tool: the output has no reader
	stopped    = "stopped"     // ended by run-tool, which got a signal: the debug container ends
	notStarted = "not-started" // report.Errno has the reason
	unreadable = "unreadable"  // of a file: report.Errno or report.Errors has the reason
)

// report is the result for the caller. Size and checksum are those of the standard output, or of the whole file that is
// fetched, for any offset.
type report struct {
	Ended  string `json:"ended"`
	Code   int    `json:"code"`
	Signal string `json:"signal,omitempty"`
	Errno  string `json:"errno,omitempty"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256,omitempty"`
	Errors string `json:"errors,omitempty"` // the end of what the tool wrote to standard error
	Left   int    `json:"left,omitempty"`   // processes that could not be ended
}

// isCut reports whether run-tool stopped reading the output before its end.
func (r report) isCut() bool { return r.Ended == readerGone || r.Ended == stopped }

// print writes the report as the last line of a stream.
func (r report) print(to io.Writer, nonce string) {
	encoded, err := json.Marshal(r)
	if err != nil { // cannot happen: every value can be encoded
		panic(err)
	}
	fmt.Fprintf(to, "\ndebug-capture-end %s %s\n", nonce, encoded)
}

// exitCode is the exit code that a shell would return.
func (r report) exitCode() int {
	switch r.Ended {
	case exited:
		return r.Code
	case timeLimit:
		return 124
	case notStarted:
		if r.Errno == "ENOENT" {
			return 127
		}
		return 126
	case signalled:
		return 128 + r.Code
	}
	return 128 + int(syscall.SIGTERM)
}

// failed is the report of a tool or a file that could not be run or read because of a system error.
func failed(ended string, err error) report {
	return report{Ended: ended, Errno: errnoName(err), Errors: err.Error()}
}

var errnoNames = map[syscall.Errno]string{
	syscall.E2BIG: "E2BIG", syscall.EACCES: "EACCES", syscall.EAGAIN: "EAGAIN", syscall.EINVAL: "EINVAL",
	syscall.EIO: "EIO", syscall.EISDIR: "EISDIR", syscall.ELOOP: "ELOOP", syscall.EMFILE: "EMFILE",
	syscall.ENAMETOOLONG: "ENAMETOOLONG", syscall.ENOENT: "ENOENT", syscall.ENOEXEC: "ENOEXEC",
	syscall.ENOMEM: "ENOMEM", syscall.ENOSPC: "ENOSPC", syscall.ENOTDIR: "ENOTDIR", syscall.ENXIO: "ENXIO",
	syscall.EPERM: "EPERM", syscall.EROFS: "EROFS", syscall.ESRCH: "ESRCH", syscall.ETXTBSY: "ETXTBSY",
}

// errnoName is the symbol of the system's error number, or "" for other errors.
func errnoName(err error) string {
	var number syscall.Errno
	switch {
	case errors.As(err, &number):
		if name, known := errnoNames[number]; known {
			return name
		}
		return fmt.Sprintf("errno %d", int(number))
	case errors.Is(err, exec.ErrNotFound):
		return "ENOENT"
	case errors.Is(err, fs.ErrPermission):
		return "EACCES"
	}
	return ""
}
