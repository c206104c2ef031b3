package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/coder/websocket"
)

// A process decides what its inspector sends. The debug container has no memory limit of its own, so a message without a
// limit could use up the memory of the node. A CPU profile of a minute has tens of MiB.
const messageLimit = 256 << 20

var errRedirected = errors.New("the inspector redirects to another address")

// withoutRedirects is a client for the inspector on this port. The process must not redirect it to another address.
var withoutRedirects = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirected },
}

// session is a connection that speaks the Chrome DevTools Protocol: https://chromedevtools.github.io/devtools-protocol/
type session struct {
	connection *websocket.Conn
	lastID     int
}

type message struct {
	ID     int             `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

func connect(ctx context.Context, url string) (*session, error) {
	connection, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: withoutRedirects})
	if err != nil {
		return nil, err
	}
	connection.SetReadLimit(messageLimit)
	return &session{connection: connection}, nil
}

func (s *session) disconnect() {
	_ = s.connection.CloseNow()
}

// send sends a request without waiting, and returns the number of its response.
func (s *session) send(ctx context.Context, method string, params any) (int, error) {
	encoded, err := json.Marshal(params)
	if err != nil {
		return 0, err
	}
	s.lastID++
	text, err := json.Marshal(message{ID: s.lastID, Method: method, Params: encoded})
	if err != nil {
		return 0, err
	}
	return s.lastID, s.connection.Write(ctx, websocket.MessageText, text)
}

func (s *session) receive(ctx context.Context) (message, error) {
	_, text, err := s.connection.Read(ctx)
	if err != nil {
		return message{}, err
	}
	var got message
	err = json.Unmarshal(text, &got)
	return got, err
}

// call sends a request and waits for its response. Events that arrive before it are passed to on, which may be nil.
func (s *session) call(ctx context.Context, method string, params any, on func(message) error) (json.RawMessage, error) {
	id, err := s.send(ctx, method, params)
	if err != nil {
		return nil, err
	}
	for {
		got, err := s.receive(ctx)
		if err != nil {
			return nil, err
		}
		if got.ID == id {
			if got.Error != nil {
				return nil, fmt.Errorf("%s: %s", method, got.Error.Message)
			}
			return got.Result, nil
		}
		if on != nil && got.ID == 0 {
			if err := on(got); err != nil {
				return nil, err
			}
		}
	}
}

// evaluate runs an expression in the process and returns its value, which is a string.
func (s *session) evaluate(ctx context.Context, expression string) (string, error) {
	result, err := s.call(ctx, "Runtime.evaluate", map[string]any{
		"expression": expression, "includeCommandLineAPI": true, "returnByValue": true,
	}, nil)
	if err != nil {
		return "", err
	}
	var answer struct {
		Result struct {
			Value any `json:"value"`
		} `json:"result"`
		Exception *struct {
			Text string `json:"text"`
		} `json:"exceptionDetails"`
	}
	if err := json.Unmarshal(result, &answer); err != nil {
		return "", err
	}
	if answer.Exception != nil {
		return "", errors.New("the expression failed in the process: " + answer.Exception.Text)
	}
	value, _ := answer.Result.Value.(string)
	return value, nil
}
