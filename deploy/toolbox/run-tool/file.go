package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strconv"
	"syscall"
)

const buffersAhead = 4 // buffers that are read while earlier ones are sent

var (
	errNotRegular = errors.New("it is not a regular file")
	errLink       = errors.New("it is a symbolic link")
)

// fetch is `run-tool fetch NONCE OFFSET FILE`: sends the file from the offset on. The report has size and checksum of the
// whole file as it was when it was opened, so that reading a growing file ends.
func fetch(arguments []string) (int, error) {
	offset, err := strconv.ParseInt(arguments[1], 10, 64)
	if err != nil || offset < 0 {
		return 2, errors.New("the offset is not a number of bytes")
	}
	if _, err := newSupervisor(); err != nil { // for its signals
		return 1, err
	}
	done := make(chan report, 1)
	go func() { done <- send(arguments[2], offset, os.Stdout) }()
	select {
	case ended := <-done:
		ended.print(os.Stderr, arguments[0])
	case <-standardInputEnds():
		report{Ended: readerGone}.print(os.Stderr, arguments[0])
	}
	return 0, nil
}

// send reads the file once, computes the checksum of all of it, and writes the part after the offset.
func send(path string, offset int64, to io.Writer) report {
	file, err := openRegular(path)
	if err != nil {
		return failed(unreadable, err)
	}
	defer file.Close()
	found, err := file.Stat()
	if err != nil {
		return failed(unreadable, err)
	}
	sum, source := sha256.New(), io.LimitReader(file, found.Size())
	before, err := io.CopyBuffer(sum, io.LimitReader(source, offset), make([]byte, bufferBytes))
	if err != nil {
		return failed(unreadable, err)
	}
	full, free := make(chan []byte, buffersAhead), make(chan []byte, buffersAhead)
	for range buffersAhead {
		free <- make([]byte, bufferBytes)
	}
	written := make(chan error, 1)
	go func() { written <- writeAll(full, free, to) }()
	sent := int64(0)
	for err == nil {
		var read int
		buffer := (<-free)[:bufferBytes]
		read, err = source.Read(buffer)
		sum.Write(buffer[:read])
		sent += int64(read)
		full <- buffer[:read]
	}
	close(full)
	if err != io.EOF {
		return failed(unreadable, err)
	}
	if err := <-written; err != nil {
		return failed(readerGone, err)
	}
	return report{Ended: exited, Size: before + sent, SHA256: hex.EncodeToString(sum.Sum(nil))}
}

// writeAll writes the full buffers and returns them for reuse, also after an error.
func writeAll(full <-chan []byte, free chan<- []byte, to io.Writer) (err error) {
	for piece := range full {
		if err == nil {
			_, err = to.Write(piece)
		}
		free <- piece
	}
	return err
}

// openRegular opens a regular file, because a pipe or a device may have no end or block forever. It does not follow links:
// a process of the target could replace the file with a link to a file of the debug container.
func openRegular(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, errLink
	}
	if err != nil {
		return nil, err
	}
	found, err := file.Stat()
	if err == nil && !found.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}
