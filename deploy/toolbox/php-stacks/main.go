// Command php-stacks prints what a running PHP process executes: functions, files and lines, without arguments.
//
//	php-stacks PID
//
// It reads the process's memory without stopping the process, so a frame may have ended when it is read. It needs
// the same user as the process, or SYS_PTRACE, and a PHP that is not built thread-safe (cli and fpm usually are not).
// Exit code 13: the process may not be read. phpspy has more features, but is in no package registry.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
)

const deniedExitCode = 13 // denied_exit_code of collectors/php.yaml

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println("php-stacks 1")
		return
	}
	pid, err := strconv.Atoi(os.Args[len(os.Args)-1])
	if len(os.Args) != 2 || err != nil {
		fmt.Fprintln(os.Stderr, "usage: php-stacks PID")
		os.Exit(2)
	}
	frames, err := stack(pid)
	if err != nil {
		fmt.Fprintf(os.Stderr, "php-stacks: process %d: %v\n", pid, err)
		if errors.Is(err, fs.ErrPermission) { // EACCES and EPERM; the program only reads files of the process
			os.Exit(deniedExitCode)
		}
		os.Exit(1)
	}
	fmt.Printf("PHP process %d\n", pid)
	if len(frames) == 0 {
		fmt.Println("    runs no PHP code now")
	}
	for number, one := range frames {
		fmt.Printf("#%-2d %s\n", number, one)
	}
}
