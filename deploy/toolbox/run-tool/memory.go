package main

import (
	"os"
	"syscall"
)

// memoryLimit is the maximum of the private memory of a tool. Kubernetes allows no memory limit for a debug container, so
// without this limit, a process of the target could fill the memory of the node through a tool that reads its data.
const memoryLimit = 2 << 30

// goMemoryLimit makes tools in Go collect garbage more often before they reach memoryLimit.
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
