package bench

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// script writes a contestant that answers as the shell text says, which sees
// each request as $line, and gives its command.
func script(t *testing.T, ready, answer string) Contestant {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a peer.sh") // a space to be quoted
	text := "echo a library speaks\necho '" + ready + "'\nwhile read -r line; do case $line in *quit*) exit 0;; esac; " + answer + "; done\n"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return Peer("sh '" + path + "'")
}

const fakeReady = `{"name":"fake","version":"7","threads":2,"start_seconds":0.25,"check":{"object":1e-6,"intensity":1e-6,"loss":1e-9}}`

// good answers a tenth of a second for ten of anything.
const good = `echo '{"seconds":0.1,"peak_rss_mb":12.5}'`

func tournament(t *testing.T, what []string, contestants ...Contestant) (*Tournament, *[]string) {
	t.Helper()
	directory, _ := exchange(t, 1, 4)
	var told []string
	return &Tournament{
		Plan:      Plan{What: what, Rounds: 3, Warmup: 1, Count: 10, Seed: 1},
		Directory: directory, Expected: "nobody", Contestants: contestants,
		Tell: func(s string) { told = append(told, s) },
	}, &told
}

func TestRun(t *testing.T) {
	slow := script(t, fakeReady, `echo '{"seconds":0.3,"peak_rss_mb":25,"peak_gpu_mb":640,"notes":["no graph"]}'`)
	r, told := tournament(t, What(), script(t, fakeReady, good), slow)
	m, failures, err := r.Run(t.Context(), 3)
	require.NoError(t, err)
	require.Empty(t, failures)
	require.Equal(t, "fake", m.Contestants[0].Name)
	require.Equal(t, "fake (2)", m.Contestants[1].Name)
	require.Equal(t, slow.Name, m.Contestants[1].Command)
	require.InDelta(t, 25, m.Contestants[1].Peak, 0)
	require.InDelta(t, 640, m.Contestants[1].PeakGPU, 0)
	require.Equal(t, []string{"no graph"}, m.Contestants[1].Notes)
	require.Contains(t, *told, "batch 4, threads 1: step and predict, round 3/3")
	require.Len(t, m.Series, 6)
	first, second := m.Series[0], m.Series[1]
	require.Equal(t, []float64{0.01, 0.01, 0.01}, first.Turns, "ten of them in a tenth of a second")
	require.InDelta(t, 400, first.PerSecond.Median, 1e-9, "4 patterns in 10 ms")
	require.Nil(t, first.Ratio)
	require.InDelta(t, 3, second.Ratio.Median, 1e-12)
	require.Equal(t, WhatStartup, m.Series[4].What)
	require.Nil(t, m.Series[4].PerSecond)
	require.Greater(t, m.Series[4].Seconds.Min, 0.1, "the one step counts")
}

// TestOrder: turns change from round to round, and are the same for a seed.
func TestOrder(t *testing.T) {
	r, _ := tournament(t, nil)
	orders := map[string]bool{}
	for seed := range uint64(2) {
		r.Plan.Seed = seed
		u := &running{Tournament: r, entrants: []*entrant{{Contestant: Contestant{Name: "a"}}, {Contestant: Contestant{Name: "b"}}}}
		for round := range 20 {
			one, again := u.order(round), u.order(round)
			require.Equal(t, one, again)
			orders[one[0].Name+one[1].Name] = true
		}
	}
	require.Equal(t, map[string]bool{"ab": true, "ba": true}, orders)
}

// TestFailures: whoever fails is named with the reason, and the others go on.
func TestFailures(t *testing.T) {
	for says, c := range map[string]Contestant{
		"signal: killed":                script(t, fakeReady, `kill -9 $$`),
		"exit status 4\nthe last words": script(t, fakeReady, `echo the last words >&2; exit 4`),
		"before it was asked to quit":   script(t, fakeReady, `exit 0`),
		"out of memory":                 script(t, fakeReady, `echo '{"error":"out of memory"}'`),
		"found the line \"{nonsense\"":  script(t, fakeReady, `echo '{nonsense'`),
		"it answered 0 seconds":         script(t, fakeReady, `echo '{}'`),
		"told no name":                  script(t, `{}`, good),
		"no such device":                script(t, `{"error":"no such device"}`, good),
		"its loss is 5.0e-03":           script(t, strings.Replace(fakeReady, "1e-9", "5e-3", 1), good),
		"did not say how far it is":     script(t, `{"name":"fake"}`, good),
		"exit status 127":               Peer("no-such-program-here"),
	} {
		r, _ := tournament(t, []string{WhatStep, WhatStartup}, c, script(t, fakeReady, good))
		m, failures, err := r.Run(t.Context(), 3)
		require.NoError(t, err, says)
		require.Len(t, failures, 1, says)
		require.Contains(t, failures[0].Error, says)
		require.Equal(t, "batch 4, threads 1", failures[0].Match)
		require.Len(t, m.Contestants, 1, says)
		require.Len(t, m.Series, 2, says)
		require.Nil(t, m.Series[0].Ratio, "the one that is left is the first")
	}
}

// TestMissing: one of ours whose runtime is not there ends it all.
func TestMissing(t *testing.T) {
	c := Contestant{Arguments: []string{"sh", "-c", `echo '{"error":"it is not here"}'; exit 3`}, Name: "tensorflow", Ours: true}
	r, _ := tournament(t, []string{WhatStep}, c)
	_, _, err := r.Run(t.Context(), 3)
	var exit *Exit
	require.ErrorAs(t, err, &exit)
	require.Equal(t, "it is not here", exit.Said)
}

// TestInterrupted: the end of the context ends contestants and their children.
func TestInterrupted(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "pid")
	r, _ := tournament(t, []string{WhatStep}, script(t, fakeReady, `sleep 600 & echo $! > '`+marker+`'; wait`))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if text, err := os.ReadFile(marker); err == nil && strings.HasSuffix(string(text), "\n") {
				cancel()
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	_, _, err := r.Run(ctx, 3)
	require.ErrorIs(t, err, context.Canceled)
	pid, err := os.ReadFile(marker)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		state, err := os.ReadFile(filepath.Join("/proc", strings.TrimSpace(string(pid)), "stat"))
		return err != nil || strings.Contains(string(state), ") Z ") // nobody may collect it here
	}, 10*time.Second, 10*time.Millisecond)
}

func TestLocal(t *testing.T) {
	p := Plan{Rounds: 2, Warmup: 1, Seed: 2}
	quiet := func(string) {}
	l, err := Load(t.Context(), p, simulated(t), 0.2, quiet)
	require.NoError(t, err)
	require.Equal(t, "12 patterns of 64×64, float32, NPZ", l.What, "of 16384 bytes each")
	names := []string{}
	for _, r := range l.Rows {
		names = append(names, r.Name)
		require.Len(t, r.Turns, 2)
		require.Positive(t, r.Value.Min)
	}
	require.Equal(t, []string{"decode, stored", "load, stored", "decode, deflated", "load, deflated"}, names)
	l, err = Stitch(t.Context(), p, 64, 30, quiet)
	require.NoError(t, err)
	require.Equal(t, "central 20×20 of 64×64", l.Rows[0].Name)
	require.Positive(t, l.Rows[1].Value.Min)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Stitch(ctx, p, 64, 30, quiet)
	require.ErrorIs(t, err, context.Canceled)
}

// report is one with everything in it.
func report() *Report {
	far, load := 1.25, 3.5
	spread := Spread{Median: 1.25, Q1: 1.125, Q3: 123456, Min: 1, Max: 123456}
	long := strings.Repeat("name ", 12)
	return &Report{
		Schema: Schema, Program: "ptycho", Data: "simulated", Machine: Machine{CPU: long, Processors: 2, LoadBefore: &far, LoadAfter: &load},
		Plan: Plan{Rounds: 9, Warmup: 1, Count: 10},
		Matches: []Match{{
			Expected: "evaluator",
			Contestants: []Side{
				{Name: "tensorflow", Version: "2", Device: "cpu", Threads: 2, WaitPolicy: "passive", Peak: 812.4, Check: &Check{1e-7, 2e-7, 0}},
				{Name: long, Version: strings.Repeat("v", 120), Threads: 2, WaitPolicy: "not set"},
			},
			Series: []Series{
				{What: WhatStep, Contestant: "tensorflow", Seconds: spread, PerSecond: &spread},
				{What: WhatStep, Contestant: long, Seconds: Spread{0.2, 0.15, 0.9999, 0.1, 1}, PerSecond: &spread, Ratio: &Spread{1.5, 1.25, 12.5, 1, 20}},
				{What: WhatStartup, Contestant: "tensorflow", Seconds: spread},
			},
		}},
		Load:     &Local{What: "patterns", Unit: "MB/s", Rows: []Row{{Name: long, Value: spread}}},
		Notes:    []string{Machine{Processors: 2, LoadBefore: &far}.Busy()},
		Failures: []Failure{{long, "batch 4, threads 1", "it\ndied " + strings.Repeat("x", 200)}},
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	require.NoError(t, WriteTable(&out, report()))
	for line := range strings.Lines(out.String()) {
		require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), 80, line)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, part := range []string{
		"load average 1.2 before, 3.5 after", "A tensorflow 2 on cpu, threads 2, wait policy passive",
		"peak memory 812 MB; off by object 1e-07", "200 ms 150…1000 ms 1.25 1.50 1.25…12.5",
		"note: the machine was busy: a load average of 1.2 on 2 processors", "FAILED: name name",
	} {
		require.Contains(t, text, part)
	}
	idle := 0.5
	require.Empty(t, Machine{Processors: 2, LoadBefore: &idle}.Busy())
	require.Empty(t, Machine{Processors: 2}.Busy(), "the system does not say")
}

// TestSchemaIsDocumented: benchmarks.md names the schema and every key.
func TestSchemaIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/benchmarks.md")
	require.NoError(t, err)
	keys := map[string]bool{}
	collect(reflect.TypeFor[Report](), keys)
	collect(reflect.TypeFor[Ready](), keys)
	collect(reflect.TypeFor[Request](), keys)
	collect(reflect.TypeFor[Answer](), keys)
	require.Greater(t, len(keys), 50)
	for k := range keys {
		require.Contains(t, string(page), "`"+k+"`")
	}
	require.Contains(t, string(page), Schema)
	text, err := json.Marshal(report())
	require.NoError(t, err)
	require.Contains(t, string(text), `"patterns_per_second"`)
}

func collect(typ reflect.Type, keys map[string]bool) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || !strings.Contains(typ.PkgPath(), "ptychobridge") {
		return
	}
	for i := range typ.NumField() {
		key, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		keys[key] = true
		collect(typ.Field(i).Type, keys)
	}
}
