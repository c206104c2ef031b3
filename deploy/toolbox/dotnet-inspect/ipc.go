package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path"
	"syscall"
	"time"
	"unicode/utf16"
)

// The protocol of the diagnostic port:
// https://github.com/dotnet/diagnostics/blob/main/documentation/design-docs/ipc-protocol.md
const (
	magic      = "DOTNET_IPC_V1\x00"
	headerSize = 20

	createCoreDump = 0x0101
	stopTracing    = 0x0201
	collectTracing = 0x0203 // CollectTracing2
	processInfo    = 0x0404 // ProcessInfo2; 0x0402 would return the environment
	answerOK       = 0xff00
	answerError    = 0xffff

	dialLimit   = 5 * time.Second
	answerLimit = 15 * time.Second // a runtime that suspends its threads for a garbage collection responds late
)

var littleEndian = binary.LittleEndian

// refusal is an error code in a response of the runtime.
type refusal uint32

const (
	failed         refusal = 0x80004005 // E_FAIL
	unknownCommand refusal = 0x80131385
)

func (r refusal) Error() string {
	if r == unknownCommand {
		return "this version of .NET does not have the command"
	}
	return fmt.Sprintf("the runtime answered 0x%08x", uint32(r))
}

// client sends commands to the diagnostic port of one process.
type client struct {
	port   port
	folder *os.Root // of the socket, and of dumps
}

func newClient(pid int) (*client, error) {
	found, err := findPort(pid)
	if err != nil {
		return nil, err
	}
	folder, err := found.openFolder()
	if err != nil {
		return nil, err
	}
	return &client{found, folder}, nil
}

func (c *client) close() {
	c.folder.Close()
}

// dial connects to the socket, and makes sure that the process itself listens there.
func (c *client) dial(ctx context.Context) (*net.UnixConn, error) {
	directory, err := c.folder.Open(".")
	if err != nil {
		return nil, err
	}
	defer directory.Close()
	// Through its directory: the path of a socket has at most 107 bytes, and no symbolic link above it is followed again.
	address := fmt.Sprintf("/proc/self/fd/%d/%s", directory.Fd(), path.Base(c.port.path))
	dialer := net.Dialer{Timeout: dialLimit}
	connection, err := dialer.DialContext(ctx, "unix", address)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, removedPort(c.port.path)
	}
	if err != nil {
		return nil, fmt.Errorf("its diagnostic socket: %w", err)
	}
	unix := connection.(*net.UnixConn)
	if err := verifyPeer(unix, c.port.pid); err != nil {
		return nil, errors.Join(err, unix.Close())
	}
	return unix, nil
}

func verifyPeer(connection *net.UnixConn, pid int) error {
	raw, err := connection.SyscallConn()
	if err != nil {
		return err
	}
	var peer *syscall.Ucred
	var peerErr error
	if err := raw.Control(func(descriptor uintptr) {
		peer, peerErr = syscall.GetsockoptUcred(int(descriptor), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return err
	}
	if peerErr != nil {
		return peerErr
	}
	if int(peer.Pid) != pid {
		return fmt.Errorf("process %d listens on its diagnostic socket, so that nothing was sent", peer.Pid)
	}
	return nil
}

// request sends a command on a new connection, and returns the payload of the response.
func (c *client) request(ctx context.Context, command uint16, payload []byte, limit time.Duration) ([]byte, error) {
	connection, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	return exchange(ctx, connection, command, payload, limit)
}

// deadline interrupts reads and writes of the connection after limit, or when ctx ends. The result releases ctx.
func deadline(ctx context.Context, connection net.Conn, limit time.Duration) (release func() bool, err error) {
	if err := connection.SetDeadline(time.Now().Add(limit)); err != nil {
		return nil, err
	}
	return context.AfterFunc(ctx, func() {
		// Fails only if the connection is closed already.
		_ = connection.SetDeadline(time.Unix(1, 0))
	}), nil
}

// exchange sends a command and reads the response. More data may follow on the connection.
func exchange(ctx context.Context, connection net.Conn, command uint16, payload []byte, limit time.Duration) ([]byte, error) {
	message, err := encodeMessage(command, payload)
	if err != nil {
		return nil, err
	}
	release, err := deadline(ctx, connection, limit)
	if err != nil {
		return nil, err
	}
	defer release()
	if _, err := connection.Write(message); err != nil {
		return nil, explain(ctx, err, limit)
	}
	answer, err := readAnswer(connection)
	return answer, explain(ctx, err, limit)
}

func encodeMessage(command uint16, payload []byte) ([]byte, error) {
	size := headerSize + len(payload)
	if size > 0xffff {
		return nil, fmt.Errorf("a message of %d bytes is too long for the protocol", size)
	}
	message := append([]byte{}, magic...)
	message = littleEndian.AppendUint16(message, uint16(size))
	message = append(message, byte(command>>8), byte(command), 0, 0)
	return append(message, payload...), nil
}

// readAnswer reads one message. Its length has 16 bits, so a process cannot send an endless message.
func readAnswer(from io.Reader) ([]byte, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(from, header[:]); err != nil {
		return nil, err
	}
	size := int(littleEndian.Uint16(header[14:]))
	if string(header[:14]) != magic || size < headerSize {
		return nil, errors.New("what answers on its diagnostic socket is not a .NET runtime")
	}
	payload := make([]byte, size-headerSize)
	if _, err := io.ReadFull(from, payload); err != nil {
		return nil, err
	}
	switch kind := uint16(header[16])<<8 | uint16(header[17]); {
	case kind == answerOK:
		return payload, nil
	case kind == answerError && len(payload) >= 4:
		return nil, refusal(littleEndian.Uint32(payload))
	default:
		return nil, fmt.Errorf("the runtime answered with an unknown message 0x%04x", kind)
	}
}

// explain returns the reason of an interrupted connection.
func explain(ctx context.Context, err error, limit time.Duration) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return errors.New("interrupted by a signal")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the runtime did not answer within %s: the process may be stopped, or in a long garbage collection", limit)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		return errors.New("the runtime closed the connection: the process has ended, or crashed")
	default:
		return err
	}
}

// encodeText is a string of the protocol: its length with the final NUL, and UTF-16.
func encodeText(text string) []byte {
	units := append(utf16.Encode([]rune(text)), 0)
	encoded := littleEndian.AppendUint32(nil, uint32(len(units)))
	for _, unit := range units {
		encoded = littleEndian.AppendUint16(encoded, unit)
	}
	return encoded
}
