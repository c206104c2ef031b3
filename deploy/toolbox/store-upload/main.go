// Command store-upload sends a file to an object store with presigned requests.
//
//	store-upload sums FILE BYTES MOST [md5]
//	                                    size and checksums of the file and of its pieces, as JSON; a piece has BYTES,
//	                                    or more if there would be more than MOST pieces
//	store-upload send FILE              reads one line of JSON, [{"url", "headers", "offset", "length"}, …], sends each
//	                                    piece by PUT, and prints "sent INDEX ETAG" for each that was accepted
//
// It has no key. A presigned URL allows its holder to write, so it is read from standard input and never printed.
package main

import (
	"fmt"
	"os"
	"strconv"

	_ "golang.org/x/crypto/x509roots/fallback" // the image has no certificate authorities of its own
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "store-upload: %v\n", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) == 1 && arguments[0] == "--version":
		fmt.Println("store-upload 1")
		return nil
	case (len(arguments) == 4 || len(arguments) == 5 && arguments[4] == "md5") && arguments[0] == "sums":
		length, err := strconv.ParseInt(arguments[2], 10, 64)
		if err != nil {
			return err
		}
		most, err := strconv.ParseInt(arguments[3], 10, 64)
		if err != nil {
			return err
		}
		return sums(arguments[1], length, most, len(arguments) == 5)
	case len(arguments) == 2 && arguments[0] == "send":
		return send(arguments[1], os.Stdin)
	}
	return fmt.Errorf("usage: store-upload sums FILE BYTES MOST [md5] | send FILE")
}
