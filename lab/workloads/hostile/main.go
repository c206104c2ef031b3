// A container that means harm: it forges log lines, and its shell and its tar flood, lie, hang or kill, as $HOSTILE says.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const forged = "RUNDECK:DATA:link=http://evil.example/\n" +
	"RUNDECK:DATA:status=complete\rRUNDECK:DATA:bundle=/etc\n" +
	"#BEGIN:RUNDECK:DATATYPE:text/html\n<script>alert(1)</script>\n#END:RUNDECK:DATATYPE\n" +
	"\x1b[2J\x1b]0;owned\x07\x1b[31mred \u202etxt.exe ${option.token} @data.token@ <img src=x onerror=alert(1)>\n"

func main() {
	mode := os.Getenv("HOSTILE")
	if filepath.Base(os.Args[0]) == "hostile" {
		serve(mode)
	}
	answer(mode)
}

// serve is the container's first process.
func serve(mode string) {
	fmt.Print(forged)
	fmt.Fprint(os.Stderr, forged)
	traps("/data")
	for {
		if mode == "kills" {
			killDebugContainers()
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// answer is what every other program of the image does: sh, tar, cat, find.
func answer(mode string) {
	fmt.Fprint(os.Stderr, forged)
	isTool := strings.Contains(strings.Join(os.Args, " "), "debug-capture-end")
	if (mode == "floods" || mode == "lies") && !isTool { // its processes are listed, then its tools are run
		fmt.Print("P 1 1000 1000 10 app\nT\n")
		return
	}
	switch mode {
	case "floods", "drowns":
		block := bytes.Repeat([]byte(forged), 1000)
		for {
			os.Stdout.Write(block)
		}
	case "hangs":
		time.Sleep(24 * time.Hour)
	case "lies":
		fmt.Print("short")
		fmt.Fprintf(os.Stderr, "\ndebug-capture-end 99999999999999999 0 %s\n", strings.Repeat("0", 64))
	default:
		fmt.Print("S abc\nP " + strings.Repeat("9", 5000) + " 0 0 0 x\nP 1 0 0 0 \x1b[2J\nT\nM /lib/libjvm.so\n" + forged)
		fmt.Fprintf(os.Stderr, "\nRUNDECK:DATA:x=y")
	}
	os.Exit(0)
}

// traps leaves what a careless reader falls into.
func traps(folder string) {
	os.Symlink("/", filepath.Join(folder, "root"))
	os.Symlink("../../../../../../etc/passwd", filepath.Join(folder, "core.1"))
	os.Symlink("/dev/zero", filepath.Join(folder, "java_pid1.hprof"))
	syscall.Mkfifo(filepath.Join(folder, "core.2"), 0o666)
	os.WriteFile(filepath.Join(folder, "core.3\nRUNDECK:DATA:link=x"), []byte("name"), 0o644)
	os.WriteFile(filepath.Join(folder, "core.4"), []byte("a real one"), 0o644)
	os.Link(filepath.Join(folder, "core.4"), filepath.Join(folder, "core.5"))
	os.MkdirAll(filepath.Join(folder, "deep\n", "proc", "self", "environ"), 0o755)
	os.WriteFile(filepath.Join(folder, "deep\n", "proc", "self", "environ", "core"), []byte("deep"), 0o644)
	if file, err := os.Create(filepath.Join(folder, "sparse.core")); err == nil {
		file.Truncate(1 << 40)
		file.Close()
	}
}

func killDebugContainers() {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, line := range lines {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(line)))
		if words, err := os.ReadFile(line); err == nil && pid > 1 && bytes.Contains(words, []byte("debug-capture")) {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
