package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Running JavaScript is paused at its next statement. If none runs, wait until some does.
const (
	atOnce     = 100 * time.Millisecond
	pauseLimit = time.Second
)

// The environment contains secrets. Reverse lookups of the names of peers would block the process.
const reportExpression = `(() => {
  const before = process.report.excludeNetwork;
  process.report.excludeNetwork = true;
  try {
    const report = process.report.getReport();
    delete report.environmentVariables;
    return JSON.stringify(report, null, 2);
  } finally {
    process.report.excludeNetwork = before;
  }
})()`

const resourcesExpression = `(() => {
  const count = {};
  for (const one of process.getActiveResourcesInfo()) count[one] = (count[one] ?? 0) + 1;
  const memory = process.memoryUsage();
  return [
    'Node.js ' + process.version + ', up ' + Math.round(process.uptime()) + ' s',
    'memory in bytes: ' + Object.entries(memory).map(([name, bytes]) => name + ' ' + bytes).join(', '),
    'what keeps the event loop alive: ' +
      (Object.entries(count).map(([name, number]) => number + ' ' + name).join(', ') || 'nothing'),
  ].join('\n');
})()`

func report(ctx context.Context, s *session, out io.Writer, _ []int) error {
	text, err := s.evaluate(ctx, reportExpression)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, text)
	return err
}

type callFrame struct {
	Function string   `json:"functionName"`
	Location location `json:"location"`
	location          // for asynchronous frames, which have no Location
}

type location struct {
	Script string `json:"scriptId"`
	Line   int    `json:"lineNumber"`
	Column int    `json:"columnNumber"`
}

type asyncTrace struct {
	Description string      `json:"description"`
	Frames      []callFrame `json:"callFrames"`
	Parent      *asyncTrace `json:"parent"`
}

type pausedAt struct {
	Frames  []callFrame `json:"callFrames"`
	Async   *asyncTrace `json:"asyncStackTrace"`
	scripts map[string]string
	idle    bool
}

func stacks(ctx context.Context, s *session, out io.Writer, _ []int) error {
	paused, err := pausedFrames(ctx, s)
	if err != nil {
		return err
	}
	writeStack(out, paused)
	// The debugger is off, so that this expression is not paused.
	resources, err := s.evaluate(ctx, resourcesExpression)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\n%s\n", resources)
	return err
}

// pausedFrames pauses the JavaScript while it reads the frames. The result is nil if none ran within the limit.
func pausedFrames(ctx context.Context, s *session) (*pausedAt, error) {
	var at *pausedAt
	scripts := map[string]string{}
	onEvent := func(got message) error {
		switch got.Method {
		case "Debugger.scriptParsed":
			return rememberScript(scripts, got.Params)
		case "Debugger.paused":
			at = &pausedAt{scripts: scripts}
			return json.Unmarshal(got.Params, at)
		}
		return nil
	}
	for _, method := range []string{"Debugger.enable", "Debugger.pause"} {
		if _, err := s.call(ctx, method, struct{}{}, onEvent); err != nil {
			return nil, err
		}
	}
	asked := time.Now()
	// Any request also receives the event, if there is one.
	for ; at == nil && time.Since(asked) < pauseLimit; pause(ctx, pollEvery) {
		if _, err := s.call(ctx, "Debugger.setSkipAllPauses", map[string]bool{"skip": false}, onEvent); err != nil {
			return nil, err
		}
		if at != nil {
			at.idle = time.Since(asked) > atOnce
		}
	}
	_, err := s.call(ctx, "Debugger.disable", struct{}{}, nil) // resumes, and cancels a pause that did not happen
	return at, err
}

func rememberScript(scripts map[string]string, params json.RawMessage) error {
	var script struct {
		ID  string `json:"scriptId"`
		URL string `json:"url"`
	}
	err := json.Unmarshal(params, &script)
	scripts[script.ID] = script.URL
	return err
}

func writeStack(out io.Writer, paused *pausedAt) {
	switch {
	case paused == nil:
		fmt.Fprintln(out, "main thread: waiting in the event loop, no JavaScript is running")
		return
	case paused.idle:
		fmt.Fprintln(out, "main thread: was waiting in the event loop; the next callback:")
	default:
		fmt.Fprintln(out, "main thread: running JavaScript")
	}
	for _, frame := range paused.Frames {
		paused.writeFrame(out, frame.Function, frame.Location)
	}
	for trace := paused.Async; trace != nil; trace = trace.Parent {
		fmt.Fprintf(out, "  after %s\n", trace.Description)
		for _, frame := range trace.Frames {
			paused.writeFrame(out, frame.Function, frame.location)
		}
	}
}

func (p *pausedAt) writeFrame(out io.Writer, function string, at location) {
	if function == "" {
		function = "(anonymous)"
	}
	fmt.Fprintf(out, "    at %s (%s:%d:%d)\n", function, p.scripts[at.Script], at.Line+1, at.Column+1)
}

func cpuProfile(ctx context.Context, s *session, out io.Writer, numbers []int) error {
	for _, method := range []string{"Profiler.enable", "Profiler.start"} {
		if _, err := s.call(ctx, method, struct{}{}, nil); err != nil {
			return err
		}
	}
	pause(ctx, time.Duration(numbers[0])*time.Second)
	result, err := s.call(ctx, "Profiler.stop", struct{}{}, nil)
	if err != nil {
		return err
	}
	var answer struct {
		Profile json.RawMessage `json:"profile"`
	}
	if err := json.Unmarshal(result, &answer); err != nil {
		return err
	}
	_, err = out.Write(answer.Profile)
	return err
}

func heapSnapshot(ctx context.Context, s *session, out io.Writer, _ []int) error {
	write := func(got message) error {
		if got.Method != "HeapProfiler.addHeapSnapshotChunk" {
			return nil
		}
		var chunk struct {
			Chunk string `json:"chunk"`
		}
		if err := json.Unmarshal(got.Params, &chunk); err != nil {
			return err
		}
		_, err := io.WriteString(out, chunk.Chunk)
		return err
	}
	_, err := s.call(ctx, "HeapProfiler.takeHeapSnapshot", map[string]bool{"reportProgress": false}, write)
	return err
}
