package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

// approved is `run-tool approved NONCE COUNT CHECK… COMMAND…`. The caller reads what the check prints before the command
// starts, and needs no second exec for it. Its approval is one line on standard input; without one, the command does not run.
func approved(arguments []string) (int, error) {
	nonce, rest := arguments[0], arguments[2:]
	count, err := strconv.Atoi(arguments[1])
	if err != nil || count < 1 || count >= len(rest) {
		return 2, fmt.Errorf("%q is not the number of words of a check that is followed by a command", arguments[1])
	}
	check := exec.Command(rest[0], rest[1:count]...)
	check.Stdout = os.Stdout
	if err := check.Run(); err != nil {
		return 1, fmt.Errorf("the check failed: %w", err)
	}
	fmt.Printf("\n%s\n", nonce)
	if !lineArrives() {
		return 1, errors.New("the command was not approved")
	}
	return become(rest[count:])
}

// lineArrives reads standard input up to the end of a line, and nothing beyond it, which would be the command's.
func lineArrives() bool {
	one := make([]byte, 1)
	for {
		read, err := os.Stdin.Read(one)
		if err != nil || read == 0 {
			return false
		}
		if one[0] == '\n' {
			return true
		}
	}
}
