// Two workers want one inventory. The argument "pprof" serves profiles on port 6060, as many services do;
// "crash" makes it panic instead.
package main

import (
	"fmt"
	"log"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime/debug"
	"sync"
	"time"
)

var inventory sync.Mutex

func reserveInventory() {
	inventory.Lock()
	for {
		time.Sleep(time.Second)
	}
}

func crash() {
	file, err := os.Create("/var/crash/panic.txt")
	if err != nil {
		log.Fatal(err)
	}
	if err := debug.SetCrashOutput(file, debug.CrashOptions{}); err != nil {
		log.Fatal(err)
	}
	panic("the inventory is gone")
}

func main() {
	what := ""
	if len(os.Args) > 1 {
		what = os.Args[1]
	}
	if what == "crash" {
		crash()
	}
	go reserveInventory()
	go reserveInventory()
	fmt.Println("service: ready")
	if what == "pprof" {
		log.Fatal(http.ListenAndServe(":6060", nil))
	}
	reserveInventory()
}
