// A gateway that cannot start: it notes its last request, then finds an error in its routes and exits with 3.
package main

import (
	"fmt"
	"os"
	"time"
)

const lastRequest = "/var/cache/gateway/last-request.json"

func main() {
	note := fmt.Sprintf("{\"time\":%q,\"method\":\"POST\",\"path\":\"/pay\",\"upstream\":\"payments\",\"status\":502}\n",
		time.Now().UTC().Format(time.RFC3339))
	if err := os.WriteFile(lastRequest, []byte(note), 0o644); err != nil {
		fmt.Fprintf(os.Stderr, "gateway: %v\n", err)
	}
	fmt.Fprintln(os.Stderr, `gateway: FATAL cannot load route table: upstream "payments" has no address`)
	os.Exit(3)
}
