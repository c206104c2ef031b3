package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Layouts of php-src: Zend/zend_globals.h, zend_compile.h, zend_types.h, for 64 bits. Fields
// whose position depends on the version are searched for. Tested with 8.2.
const (
	stackPageSize    = 256 * 1024 // executor_globals.vm_stack_page_size, just before current_execute_data
	searchFrom       = 256
	searchTo         = 1024
	opline           = 0
	function         = 24
	previous         = 48
	lineNumber       = 24 // zend_op
	functionName     = 8  // zend_function.common
	scope            = 16
	className        = 8 // zend_class_entry
	stringLength     = 16
	stringValue      = 24
	internalFunction = 1
	userFunction     = 2
	evaluatedCode    = 4
	longestName      = 4096
	mostFrames       = 512
)

// The possible positions of zend_op_array.filename, which differ between versions.
var fileNames = [2]int{112, 200}

type frame struct {
	name, file string
	line       uint32
	internal   bool
}

func (f frame) String() string {
	switch {
	case f.internal:
		return f.name + "()"
	case f.name == "":
		return fmt.Sprintf("{main} %s:%d", f.file, f.line)
	}
	return fmt.Sprintf("%s() %s:%d", f.name, f.file, f.line)
}

// stack has the frames of the process, the innermost first. It is empty if the process waits for a request.
func stack(pid int) ([]frame, error) {
	globals, err := executorGlobals(pid)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	m := memory{file}
	at, err := m.currentFrame(globals)
	if err != nil {
		return nil, err
	}
	return m.frames(at), nil
}

// frames reads the frames, starting with the innermost. Their number is limited, because the process may link them in a ring.
func (m memory) frames(at uint64) []frame {
	var frames []frame
	seen := map[uint64]bool{}
	for at != 0 && len(frames) < mostFrames && !seen[at] {
		seen[at] = true
		called, err := m.pointer(at + function)
		if err != nil {
			return frames // the frame has returned in the meantime; the frames read so far are correct
		}
		if called != 0 { // 0: an incomplete frame without a function
			if one, err := m.frame(at, called); err == nil {
				frames = append(frames, one)
			}
		}
		if at, err = m.pointer(at + previous); err != nil {
			return frames
		}
	}
	return frames
}

// currentFrame finds current_execute_data after the only field with a known value.
func (m memory) currentFrame(globals uint64) (uint64, error) {
	content, err := m.read(globals, searchTo)
	if err != nil {
		return 0, err
	}
	for at := searchFrom; at+16 <= len(content); at += 8 {
		if binary.LittleEndian.Uint64(content[at:]) == stackPageSize {
			return binary.LittleEndian.Uint64(content[at+8:]), nil
		}
	}
	return 0, errors.New("its memory layout is unknown: PHP is older than 7.3, or has not started yet")
}

func (m memory) frame(at, called uint64) (frame, error) {
	kind, err := m.read(called, 1)
	if err != nil {
		return frame{}, err
	}
	name, err := m.functionName(called)
	if err != nil || kind[0] == internalFunction {
		return frame{name: name, internal: true}, err
	}
	if kind[0] != userFunction && kind[0] != evaluatedCode {
		return frame{}, fmt.Errorf("unknown kind of function: %d", kind[0])
	}
	operation, err := m.pointer(at + opline)
	if err != nil {
		return frame{}, err
	}
	line, err := m.read(operation+lineNumber, 4)
	if err != nil {
		return frame{}, err
	}
	return frame{name: name, file: m.fileName(called), line: binary.LittleEndian.Uint32(line)}, nil
}

func (m memory) functionName(called uint64) (string, error) {
	text, err := m.pointer(called + functionName)
	if err != nil || text == 0 {
		return "", err
	}
	name, err := m.text(text)
	if err != nil {
		return "", err
	}
	if class, err := m.pointer(called + scope); err == nil && class != 0 {
		if text, err := m.pointer(class + className); err == nil {
			if of, err := m.text(text); err == nil {
				return of + "::" + name, nil
			}
		}
	}
	return name, nil
}

// fileName searches for the first string of the function that is a path.
func (m memory) fileName(called uint64) string {
	for at := fileNames[0]; at <= fileNames[1]; at += 8 {
		if text, err := m.pointer(called + uint64(at)); err == nil {
			if name, err := m.text(text); err == nil && strings.ContainsAny(name, "/.") {
				return name
			}
		}
	}
	return "?"
}

// text is the content of a zend_string if it is printable.
func (m memory) text(address uint64) (string, error) {
	length, err := m.pointer(address + stringLength)
	if err != nil {
		return "", err
	}
	if length == 0 || length > longestName {
		return "", errors.New("not a string")
	}
	content, err := m.read(address+stringValue, int(length))
	if err != nil {
		return "", err
	}
	if strings.ContainsFunc(string(content), func(one rune) bool { return one < ' ' }) {
		return "", errors.New("not a printable string")
	}
	return string(content), nil
}
