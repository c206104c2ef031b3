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
	signalled  = "signal"      // ended by report.Signal, which was not ours
	timeLimit  = "time-limit"  // ended by us, at its time limit
	readerGone = "reader-gone" // ended by us: the output has no reader any more, or this program got a signal
	notStarted = "not-started" // report.Errno says why
	unreadable = "unreadable"  // of a file: report.Errno says why, or report.Errors
)

// report is what the caller reads at the end. Size and sum are of all that was written to standard output; of a fetched
// file they are those of the whole file, whatever the offset.
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

// print writes the report as the last line of a stream.
func (r report) print(to io.Writer, nonce string) {
	encoded, err := json.Marshal(r)
	if err != nil { // no value of it can fail
		panic(err)
	}
	fmt.Fprintf(to, "\ndebug-capture-end %s %s\n", nonce, encoded)
}

// exitCode is what a shell would show for it.
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

// failed is the report of a tool, or a file, that an error of the system kept from being run or read.
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

// errnoName is the symbol of the system's error number; "" for an error that has none.
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
