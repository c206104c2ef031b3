package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	atATime  = 4
	tries    = 6
	longest  = 16 * time.Second
	silence  = 2 * time.Minute
	connects = 5 * time.Second
)

type request struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Offset  int64             `json:"offset"`
	Length  int64             `json:"length"`
}

var client = &http.Client{
	Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: connects}).DialContext,
		TLSHandshakeTimeout:   2 * connects,
		ResponseHeaderTimeout: silence,
		MaxIdleConnsPerHost:   atATime,
	},
	// A signature is valid for one host only.
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// send reads the requests from input and sends some of them at a time. The first failure stops all.
func send(path string, input io.Reader) error {
	line, err := bufio.NewReader(input).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the requests did not arrive: %w", err)
	}
	var requests []request
	if err := json.Unmarshal(line, &requests); err != nil {
		return fmt.Errorf("the requests are invalid: %w", err)
	}
	file, err := openRegular(path)
	if err != nil {
		return err
	}
	defer file.Close()
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	var (
		workers sync.WaitGroup
		output  sync.Mutex
		next    = make(chan int)
	)
	for range min(atATime, len(requests)) {
		workers.Go(func() {
			for index := range next {
				tag, err := put(ctx, file, requests[index])
				if err != nil {
					stop(fmt.Errorf("part %d: %w", index+1, err))
					continue
				}
				output.Lock()
				fmt.Printf("sent %d %s\n", index, tag)
				output.Unlock()
			}
		})
	}
	for index := 0; index < len(requests) && ctx.Err() == nil; index++ {
		select {
		case next <- index:
		case <-ctx.Done():
		}
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}

// put sends a piece, with retries and increasing delays, and returns the tag that the store assigned.
func put(ctx context.Context, file io.ReaderAt, one request) (string, error) {
	wait := time.Second / 2
	for try := 1; ; try++ {
		tag, temporary, err := putOnce(ctx, file, one)
		if err == nil || !temporary || try == tries {
			return tag, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return "", ctx.Err()
		}
		wait = min(2*wait, longest)
	}
}

func putOnce(ctx context.Context, file io.ReaderAt, one request) (tag string, temporary bool, err error) {
	body := io.NewSectionReader(file, one.Offset, one.Length)
	sent, err := http.NewRequestWithContext(ctx, http.MethodPut, one.URL, body)
	if err != nil {
		return "", false, errors.New("its URL is invalid")
	}
	sent.ContentLength = one.Length
	for name, value := range one.Headers {
		sent.Header.Set(name, value)
	}
	answer, err := client.Do(sent)
	if err != nil {
		return "", !noRoute(err), withoutAddress(err)
	}
	defer answer.Body.Close()
	// If the response is interrupted, its beginning is enough for the message.
	content, _ := io.ReadAll(io.LimitReader(answer.Body, 4096))
	if answer.StatusCode < 300 {
		return strings.Trim(answer.Header.Get("ETag"), `"`), false, nil
	}
	temporary = answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests
	return "", temporary, fmt.Errorf("the store returned HTTP %d %s", answer.StatusCode, code(string(content)))
}

// noRoute distinguishes an unreachable store from a busy one: for an unreachable store, the caller streams instead.
func noRoute(err error) bool {
	var failed *net.OpError
	return errors.As(err, &failed) && failed.Op == "dial"
}

// withoutAddress removes the signed address from an error.
func withoutAddress(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

// code returns the store's error code: S3 and Azure put it into <Code>.
func code(body string) string {
	_, after, _ := strings.Cut(body, "<Code>")
	word, _, _ := strings.Cut(after, "</Code>")
	return word
}
