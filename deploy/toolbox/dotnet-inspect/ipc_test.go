package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

func TestAnswers(t *testing.T) {
	tests := map[string]struct {
		answer []byte
		err    string
	}{
		"ok":              {message(answerOK, []byte("payload")), ""},
		"error":           {message(answerError, fields(uint32(failed))), "0x80004005"},
		"unknown command": {message(answerError, fields(uint32(unknownCommand))), "does not have the command"},
		"short error":     {message(answerError, nil), "unknown message 0xffff"},
		"another kind":    {message(0x0101, nil), "unknown message 0x0101"},
		"another program": {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), "not a .NET runtime"},
		"too small":       {append([]byte(magic), 19, 0, 0xff, 0, 0, 0), "not a .NET runtime"},
		"cut off":         {message(answerOK, []byte("payload"))[:22], "unexpected EOF"},
		"nothing":         {nil, "EOF"},
	}
	for name, test := range tests {
		payload, err := readAnswer(bytes.NewReader(test.answer))
		if test.err == "" && (err != nil || string(payload) != "payload") {
			t.Errorf("%s: %q, %v", name, payload, err)
		}
		if test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%s: %v instead of %q", name, err, test.err)
		}
	}
}

func TestTenThousandHostileAnswersBreakNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(19, 1))
	valid := message(answerOK, identityAnswer("8.0.4"))
	for range 10_000 {
		payload, err := readAnswer(bytes.NewReader(mutate(random, valid)))
		if err == nil {
			// It may be valid or not: it must only end.
			_, _ = parseIdentity(payload)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(message(answerOK, identityAnswer("8.0.4")))
	f.Add(message(answerError, fields(uint32(failed))))
	f.Fuzz(func(t *testing.T, content []byte) {
		payload, err := readAnswer(bytes.NewReader(content))
		if err == nil && len(payload) > 0xffff {
			t.Errorf("%d bytes", len(payload))
		}
		_, _ = parseIdentity(payload)
	})
}

// mutate changes, removes and repeats bytes.
func mutate(random *rand.Rand, content []byte) []byte {
	changed := bytes.Clone(content)
	for range 1 + random.IntN(6) {
		if len(changed) == 0 {
			break
		}
		at := random.IntN(len(changed))
		switch random.IntN(5) {
		case 0:
			changed[at] = byte(random.Uint32())
		case 1:
			changed[at] ^= 1 << random.IntN(8)
		case 2:
			changed = changed[:at]
		case 3:
			end := at + random.IntN(len(changed)-at)
			changed = append(changed[:end:end], changed[at:]...)
		default:
			if at+4 <= len(changed) {
				littleEndian.PutUint32(changed[at:], []uint32{0, 1, 0x7fffffff, 0xffffffff, 1 << 24}[random.IntN(5)])
			}
		}
	}
	return changed
}

func TestARuntimeThatDoesNotAnswerHasADeadline(t *testing.T) {
	runtime := startRuntime(t, func(_ uint16, _ []byte, _ net.Conn) { time.Sleep(time.Second) })
	began := time.Now()
	_, err := runtime.client.request(background(t), processInfo, nil, 50*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "did not answer within 50ms") {
		t.Errorf("%v", err)
	}
	if time.Since(began) > 800*time.Millisecond {
		t.Errorf("it took %s", time.Since(began))
	}
}

func TestASignalInterruptsAWait(t *testing.T) {
	runtime := startRuntime(t, func(_ uint16, _ []byte, _ net.Conn) { time.Sleep(time.Second) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := runtime.client.request(ctx, processInfo, nil, time.Minute)
	if err == nil || err.Error() != "interrupted by a signal" {
		t.Errorf("%v", err)
	}
}

func TestARuntimeThatEndsIsNamed(t *testing.T) {
	runtime := startRuntime(t, func(_ uint16, _ []byte, _ net.Conn) {})
	_, err := runtime.client.request(background(t), processInfo, nil, time.Second)
	if err == nil || !strings.Contains(err.Error(), "the process has ended") {
		t.Errorf("%v", err)
	}
}

func TestNothingIsSentToAnotherProcess(t *testing.T) {
	runtime := startRuntime(t, func(_ uint16, _ []byte, _ net.Conn) {})
	runtime.client.port.pid = 1
	_, err := runtime.client.request(background(t), processInfo, nil, time.Second)
	if err == nil || !strings.Contains(err.Error(), "so that nothing was sent") {
		t.Errorf("%v", err)
	}
	if runtime.received(processInfo) != 0 {
		t.Error("the command was sent")
	}
}

func TestARemovedSocketIsNoPort(t *testing.T) {
	runtime := startRuntime(t, func(_ uint16, _ []byte, _ net.Conn) {})
	if err := os.Remove(runtime.client.port.path); err != nil {
		t.Fatal(err)
	}
	_, err := runtime.client.request(background(t), processInfo, nil, time.Second)
	var missing noPort
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), "was removed while it ran") {
		t.Errorf("%v", err)
	}
}

func TestExitCodes(t *testing.T) {
	for want, err := range map[int]error{
		notPossibleExitCode: noPort{"off"},
		deniedExitCode:      &fs.PathError{Op: "open", Path: "/proc/1/fd", Err: fs.ErrPermission},
		1:                   failed,
	} {
		if got := exitCode(err); got != want {
			t.Errorf("%v: %d instead of %d", err, got, want)
		}
	}
}

func TestInfoNamesTheVersionAndNeverTheCommandLine(t *testing.T) {
	runtime := startRuntime(t, traceServer(newTrace().end))
	var out bytes.Buffer
	if err := info(background(t), runtime.client, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), ".NET 8.0.4 on Linux x64, assembly shop") || strings.Contains(out.String(), "hunter2") {
		t.Error(out.String())
	}
}

func TestInfoOfAnOldRuntime(t *testing.T) {
	runtime := startRuntime(t, func(_ uint16, _ []byte, connection net.Conn) {
		connection.Write(message(answerError, fields(uint32(unknownCommand))))
	})
	var out bytes.Buffer
	if err := info(background(t), runtime.client, &out); err != nil || !strings.Contains(out.String(), "it does not say") {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestArguments(t *testing.T) {
	for arguments, want := range map[string]bool{
		"info 1": true, "stacks 1": true, "heap 1": true, "counters 1": true, "trace 1 10": true, "dump 1 a.dmp": true,
		"": false, "info": false, "info 0": false, "info -1": false, "info x": false, "other 1": false, "trace 1": false,
		"trace 1 0": false, "trace 1 3601": false, "dump 1": false, "dump 1 ../a": false, "dump 1 .a": false, "info 1 2": false,
	} {
		if _, _, ok := parse(strings.Fields(arguments)); ok != want {
			t.Errorf("%q: %v", arguments, ok)
		}
	}
}
