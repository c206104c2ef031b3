package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

const (
	counterRounds   = 3
	counterInterval = "EventCounterIntervalSec=1"
	counterLimit    = 15 * time.Second
	counterEvent    = "EventCounters"
	mostCounters    = 1 << 12
	allKeywords     = 0xffffffff
	// The counters of a round are sent together. This is enough time for the last one.
	roundTime = 200 * time.Millisecond
)

// counterProviders publish counters. A provider that the application does not use sends nothing.
// https://learn.microsoft.com/dotnet/core/diagnostics/available-counters
var counterProviders = []string{
	"System.Runtime", "Microsoft.AspNetCore.Hosting", "Microsoft-AspNetCore-Server-Kestrel", "System.Net.Http",
	"System.Net.NameResolution", "System.Net.Sockets",
}

type counterName struct{ provider, name string }

// counter has a value for each second. For a counter of events, the value is their number.
type counter struct {
	title, unit string
	values      []float64
}

type counterTable struct {
	counters map[counterName]*counter
	finished chan struct{}
	complete bool
}

func newCounterTable() *counterTable {
	return &counterTable{counters: map[counterName]*counter{}, finished: make(chan struct{})}
}

func (t *counterTable) handle(e event) error {
	if e.kind.name != counterEvent {
		return nil
	}
	read, err := readValues(e.kind.fields, e.data)
	if err != nil {
		return fmt.Errorf("a counter: %w", err)
	}
	value, isMean := read.numbers["Mean"]
	if !isMean {
		value = read.numbers["Increment"]
	}
	key := counterName{printable(e.kind.provider), printable(read.texts["Name"])}
	one := t.counters[key]
	if one == nil {
		if len(t.counters) == mostCounters {
			return errors.New("it has too many counters")
		}
		one = &counter{title: printable(read.texts["DisplayName"]), unit: printable(read.texts["DisplayUnits"])}
		t.counters[key] = one
	}
	if len(one.values) < counterRounds {
		one.values = append(one.values, value)
	}
	if len(one.values) == counterRounds && !t.complete {
		t.complete = true
		time.AfterFunc(roundTime, func() { close(t.finished) })
	}
	return nil
}

func (t *counterTable) write(out io.Writer) error {
	names := make([]counterName, 0, len(t.counters))
	for name := range t.counters {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b counterName) int {
		return strings.Compare(a.provider+"\x00"+a.name, b.provider+"\x00"+b.name)
	})
	provider := ""
	for _, name := range names {
		if name.provider != provider {
			provider = name.provider
			if _, err := fmt.Fprintf(out, "\n[%s]\n", provider); err != nil {
				return err
			}
		}
		one := t.counters[name]
		title := strings.TrimSpace(one.title + " (" + one.unit)
		if one.unit == "" {
			title = one.title
		} else {
			title += ")"
		}
		if _, err := fmt.Fprintf(out, "%-40s %s  %s\n", name.name, formatValues(one.values), title); err != nil {
			return err
		}
	}
	return nil
}

// formatValues writes one column for each second.
func formatValues(values []float64) string {
	columns := make([]string, counterRounds)
	for number := range columns {
		text := "-"
		if number < len(values) {
			text = fmt.Sprintf("%.6g", values[number])
		}
		columns[number] = fmt.Sprintf("%12s", text)
	}
	return strings.Join(columns, " ")
}

func counters(ctx context.Context, c *client, out io.Writer) error {
	table := newCounterTable()
	reader := &traceReader{handle: table.handle}
	counting := session{limit: counterLimit, enough: table.finished}
	for _, name := range counterProviders {
		counting.providers = append(counting.providers, provider{name, allKeywords, levelInformational, counterInterval})
	}
	if err := c.collect(ctx, counting, reader.read); err != nil {
		return err
	}
	if len(table.counters) == 0 {
		return fmt.Errorf("its runtime sent no counters within %s: its event sources may be switched off (EventSourceSupport)", counterLimit)
	}
	if err := c.writeHead(ctx, out); err != nil {
		return err
	}
	if err := reportLost(out, reader.lost); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "# One column for each second\n"); err != nil {
		return err
	}
	return table.write(out)
}
