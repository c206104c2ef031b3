package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	behavior  = "DOTNET_INSPECT_TEST_CHILD"
	childName = "DOTNET_INSPECT_TEST_NAME"
)

// TestMain is the program of the children below, too.
func TestMain(m *testing.M) {
	if os.Getenv(behavior) == "" {
		os.Exit(m.Run())
	}
	if err := os.WriteFile("/proc/self/comm", []byte(os.Getenv(childName)), 0); err != nil {
		panic(err)
	}
	switch os.Getenv(behavior) {
	case "sleeps":
		time.Sleep(time.Minute)
	case "computes":
		for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		}
	}
}

// startChild starts a child that runs the program of this process, under the name of a thread.
func startChild(t *testing.T, name, behaves string) *exec.Cmd {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), behavior+"="+behaves, childName+"="+name)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Process.Kill() // it may have ended
		_ = child.Wait()
	})
	for {
		content, err := os.ReadFile(proc(child.Process.Pid, "comm"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.TrimSpace(string(content)) == name {
			return child
		}
		time.Sleep(time.Millisecond)
	}
}

func hasEnded(pid int) bool {
	content, err := os.ReadFile(proc(pid, "stat"))
	return err != nil || strings.Contains(string(content), ") Z ")
}

func TestOnlyAForkThatDoesNothingIsEnded(t *testing.T) {
	before := startChild(t, commandThread, "sleeps")
	stop := watchForks(os.Getpid(), 600*time.Millisecond)
	idle := startChild(t, commandThread, "sleeps")
	busy := startChild(t, commandThread, "computes")
	other := startChild(t, "worker", "sleeps")
	for end := time.Now().Add(20 * time.Second); !hasEnded(idle.Process.Pid) && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	if ended := stop(); ended != 1 {
		t.Errorf("%d children were ended instead of one", ended)
	}
	if !hasEnded(idle.Process.Pid) {
		t.Error("the idle child was not ended")
	}
	for name, child := range map[string]*exec.Cmd{"earlier": before, "busy": busy, "other": other} {
		if syscall.Kill(child.Process.Pid, 0) != nil || hasEnded(child.Process.Pid) {
			t.Errorf("the %s child was ended", name)
		}
	}
}

func TestForkWithAHostileName(t *testing.T) {
	fields := " 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 2481860 100 200"
	tests := []struct {
		stat   string
		sleeps bool
	}{
		{"9 (.NET EventPipe) S" + fields, true},
		{"9 (.NET EventPipe) D" + fields, false},
		{"9 (.NET EventPipe) R" + fields, false},
		{"9 (a) S 1 (.NET EventPipe) S" + fields, false},
		{"9 (.NET EventPipe", false},
		{"", false},
	}
	for _, test := range tests {
		if _, _, sleeps := readFork(test.stat); sleeps != test.sleeps {
			t.Errorf("%q: %t", test.stat, sleeps)
		}
	}
	forked, parent, _ := readFork("9 (.NET EventPipe) S" + fields)
	if forked != (child{9, 13}) || parent != 7 {
		t.Errorf("%v, %d", forked, parent)
	}
}
