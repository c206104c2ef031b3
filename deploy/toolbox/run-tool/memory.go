package main

import (
	"os"
	"syscall"
)

// memoryLimit is what the private data of a tool may take. Kubernetes allows no memory limit for a debug container, so
// without this one a process of the target could fill the node's memory through a tool that reads from it.
const memoryLimit = 2 << 30

// goMemoryLimit has a tool that is written in Go collect garbage harder before it reaches memoryLimit.
const goMemoryLimit = "1536MiB"

const rlimitData = 2 // RLIMIT_DATA of getrlimit(2): heap and private mappings, since Linux 4.7

// limitMemory limits this process, and each process that it starts.
func limitMemory() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(rlimitData, &limit); err != nil {
		return err
	}
	limit.Max = min(limit.Max, memoryLimit)
	limit.Cur = min(limit.Cur, limit.Max)
	if err := syscall.Setrlimit(rlimitData, &limit); err != nil {
		return err
	}
	if _, set := os.LookupEnv("GOMEMLIMIT"); set {
		return nil
	}
	return os.Setenv("GOMEMLIMIT", goMemoryLimit)
}
