package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// identity is the information of the runtime about itself, without its command line, which may contain secrets.
type identity struct {
	system, architecture, assembly, version string
}

func (i identity) String() string {
	if i.version == "" {
		return ".NET Core 3.1 or later (it does not say)"
	}
	return fmt.Sprintf(".NET %s on %s %s, assembly %s", i.version, i.system, i.architecture, i.assembly)
}

// major is the first number of the version; 0 if it is unknown.
func (i identity) major() int {
	first, _, _ := strings.Cut(i.version, ".")
	number, err := strconv.Atoi(first)
	if err != nil {
		return 0
	}
	return number
}

// identify requests the identity, which is empty before .NET 6.
func (c *client) identify(ctx context.Context) (identity, error) {
	answer, err := c.request(ctx, processInfo, nil, answerLimit)
	if errors.Is(err, unknownCommand) {
		return identity{}, nil
	}
	if err != nil {
		return identity{}, err
	}
	return parseIdentity(answer)
}

func parseIdentity(answer []byte) (identity, error) {
	content := cursor{data: answer}
	content.skip(8 + guidSize) // PID, cookie of the runtime
	content.countedText()      // command line
	read := identity{
		printable(content.countedText()), printable(content.countedText()),
		printable(content.countedText()), printable(content.countedText()),
	}
	if content.err != nil {
		return identity{}, fmt.Errorf("the runtime's answer about itself: %w", content.err)
	}
	return read, nil
}

func info(ctx context.Context, c *client, out io.Writer) error {
	return c.writeHead(ctx, out)
}

// writeHead writes the first line of a text, which describes the process.
func (c *client) writeHead(ctx context.Context, out io.Writer) error {
	who, err := c.identify(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(out, c.head(who))
	return err
}

func (c *client) head(who identity) string {
	return fmt.Sprintf("# Process %d: %s\n", c.port.pid, who)
}
