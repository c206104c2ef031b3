package main

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

type piece struct {
	Length int64  `json:"length"`
	SHA256 []byte `json:"sha256"` // in base64, as stores want it
	MD5    []byte `json:"md5,omitempty"`
}

type original struct {
	Size   int64   `json:"size"`
	SHA256 string  `json:"sha256"`
	Pieces []piece `json:"pieces"`
}

// sums reads the file once, and prints the checksums that a store verifies for each piece. An MD5 takes as long as all others.
func sums(path string, length, most int64, withMD5 bool) error {
	if length < 1 || most < 1 {
		return fmt.Errorf("a part must have at least one byte, and a file at least one part")
	}
	file, err := openRegular(path)
	if err != nil {
		return err
	}
	defer file.Close()
	state, err := file.Stat()
	if err != nil {
		return err
	}
	length = max(length, (state.Size()+most-1)/most)
	whole, found := sha256.New(), original{}
	for found.Size < state.Size() {
		strong, weak := sha256.New(), md5.New()
		sinks := []io.Writer{whole, strong}
		if withMD5 {
			sinks = append(sinks, weak)
		}
		read, err := io.Copy(io.MultiWriter(sinks...), io.LimitReader(file, length))
		if err != nil {
			return err
		}
		if read == 0 {
			return fmt.Errorf("%s has become shorter while it was read", path)
		}
		found.Size += read
		one := piece{Length: read, SHA256: strong.Sum(nil)}
		if withMD5 {
			one.MD5 = weak.Sum(nil)
		}
		found.Pieces = append(found.Pieces, one)
	}
	found.SHA256 = hex.EncodeToString(whole.Sum(nil))
	return json.NewEncoder(os.Stdout).Encode(found)
}
