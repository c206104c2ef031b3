package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const table = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 100 /tmp/dotnet-diagnostic-1-77-socket
0000000000000000: 00000002 00000000 00010000 0001 01 101 /var/with blank/dotnet-diagnostic-7-77-socket
0000000000000000: 00000003 00000000 00000000 0001 03 102 /tmp/dotnet-diagnostic-9-77-socket
0000000000000000: 00000002 00000000 00010000 0001 01 103 @dotnet-diagnostic-5-77-socket
0000000000000000: 00000003 00000000 00000000 0001 03 104
`

func TestSocketOfTheProcess(t *testing.T) {
	all := map[string]bool{"100": true, "101": true, "102": true, "103": true}
	tests := []struct {
		name string
		own  map[string]bool
		want string
	}{
		{"dotnet-diagnostic-1-77-socket", all, "/tmp/dotnet-diagnostic-1-77-socket"},
		{"dotnet-diagnostic-7-77-socket", all, "/var/with blank/dotnet-diagnostic-7-77-socket"},
		{"dotnet-diagnostic-1-78-socket", all, ""},                          // of an earlier process with this PID
		{"dotnet-diagnostic-1-77-socket", map[string]bool{"101": true}, ""}, // another process listens on it
		{"dotnet-diagnostic-9-77-socket", all, ""},                          // it does not listen
		{"dotnet-diagnostic-5-77-socket", all, ""},                          // it has no path
		{"dotnet-diagnostic-1-77-socket", map[string]bool{}, ""},
	}
	for _, test := range tests {
		if got := socketPath(table, test.name, test.own); got != test.want {
			t.Errorf("%s: %q instead of %q", test.name, got, test.want)
		}
	}
}

func TestStartTimeOfAProcessWithAHostileName(t *testing.T) {
	fields := "S 0 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 2481860 100 200"
	for _, name := range []string{"dotnet", "a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 (", ")))"} {
		if got, err := startTimeOf("7 (" + name + ") " + fields); err != nil || got != 2481860 {
			t.Errorf("%q: %d, %v", name, got, err)
		}
	}
	for _, stat := range []string{"", "7 (dotnet", "7 (dotnet) S 0"} {
		if _, err := startTimeOf(stat); err == nil {
			t.Errorf("%q has no start time", stat)
		}
	}
}

func TestOwnProcessHasNoPort(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	_, err := findPort(os.Getpid())
	if err == nil || !strings.Contains(err.Error(), "it has no diagnostic socket") || exitCode(err) != notPossibleExitCode {
		t.Errorf("%v", err)
	}
}

func TestSwitchedOff(t *testing.T) {
	for value, want := range map[string]bool{"0": true, "0x0": true, "00": true, " 0": true, "1": false, "": false, "off": false} {
		if got := isZero(value); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}

func TestUnwritable(t *testing.T) {
	if cause := unwritable(os.Getpid(), t.TempDir()); cause != "" {
		t.Error(cause)
	}
	if cause := unwritable(os.Getpid(), "/does/not/exist"); cause != "does not exist" {
		t.Error(cause)
	}
	if cause := unwritable(os.Getpid(), "/proc/sys/kernel/version"); cause == "" {
		t.Error("it cannot be written")
	}
}

func TestMemoryLeft(t *testing.T) {
	write := func(folder, file, content string) {
		path := filepath.Join(folder, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	second, first, none := t.TempDir(), t.TempDir(), t.TempDir()
	write(second, "memory.max", "1000\n")
	write(second, "memory.current", "400\n")
	write(first, "memory/memory.limit_in_bytes", "1000\n")
	write(first, "memory/memory.usage_in_bytes", "1100\n")
	write(none, "memory.max", "max\n")
	write(none, "memory.current", "400\n")
	if left, limited := memoryLeft(second); left != 600 || !limited {
		t.Error(left, limited)
	}
	if left, limited := memoryLeft(first); left != 0 || !limited {
		t.Error(left, limited)
	}
	if _, limited := memoryLeft(none); limited {
		t.Error("there is no limit")
	}
}

func TestOnlyNamedVariablesAreRead(t *testing.T) {
	values, err := variables(os.Getpid(), "HOME", "NO_SUCH_VARIABLE")
	if err != nil || len(values) > 1 {
		t.Error(values, err)
	}
}
