package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// memoryOf is a memory with a frame without a function at each key. The value is the address of the previous frame.
func memoryOf(t *testing.T, frames map[uint64]uint64) memory {
	t.Helper()
	content := make([]byte, 1<<16)
	for at, before := range frames {
		binary.LittleEndian.PutUint64(content[at+previous:], before)
	}
	path := filepath.Join(t.TempDir(), "mem")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return memory{file}
}

func TestARingOfFramesHasAnEnd(t *testing.T) {
	for _, frames := range []map[uint64]uint64{
		{4096: 4096},
		{4096: 8192, 8192: 4096},
		{4096: 8192, 8192: 12288, 12288: 8192},
	} {
		if found := memoryOf(t, frames).frames(4096); len(found) != 0 {
			t.Errorf("%v: frames without a function: %v", frames, found)
		}
	}
}
