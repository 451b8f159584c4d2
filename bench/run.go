package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
)

// What can be measured.
const (
	WhatStep    = "step"
	WhatPredict = "predict"
	WhatStartup = "startup"
	WhatLoad    = "load"
	WhatStitch  = "stitch"
)

// What lists all that can be measured.
func What() []string { return []string{WhatStep, WhatPredict, WhatStartup, WhatLoad, WhatStitch} }

func (p Plan) has(what string) bool { return slices.Contains(p.What, what) }

// warmTasks are the tasks of warm processes, in the order of a turn.
func (p Plan) warmTasks() []Task {
	var out []Task
	for _, t := range []Task{Step, Predict} {
		if p.has(string(t)) {
			out = append(out, t)
		}
	}
	return out
}

// limits of Check by the precision of a match. Float32 rounding is some 1e-6
// there and grows with the width of the network; a padding, an activation or a
// merge that differs shows in percents. bf16-mixed rounds to 2⁻⁹ some twenty
// times on the way, and what that hides shows in float32. TF32 rounds factors to
// 2⁻¹¹.
var limits = map[string]float64{"float32": 1e-3, "float64": 1e-6, "bf16-mixed": 0.1}

const limitTF32 = 2e-2

// refused says why a contestant does other work; empty where it does not.
func refused(r Ready, s Settings) string {
	limit := limits[s.Precision]
	if s.AllowTF32 {
		limit = max(limit, limitTF32)
	}
	if r.Check == nil {
		return "it did not say how far it is from expected.npz"
	}
	for _, c := range []struct {
		what string
		far  float64
	}{{keyObject, r.Check.Object}, {keyIntensity, r.Check.Intensity}, {keyLoss, r.Check.Loss}} {
		if !(c.far <= limit) || c.far < 0 {
			return fmt.Sprintf("it does other work: its %s is %.1e from expected.npz, allowed %.0e", c.what, c.far, limit)
		}
	}
	return ""
}

// Tournament lets contestants take turns at one work.
type Tournament struct {
	Plan        Plan
	Directory   string // that Prepare wrote
	Expected    string // who computes expected.npz
	Contestants []Contestant
	Tell        func(string) // what comes next
}

// entrant is a contestant that is still in the match.
type entrant struct {
	Contestant
	side    Side
	process *Process
	turns   map[string][]float64
}

// Run measures. A contestant that fails or does other work is a Failure, and the
// others go on; so the error is only that of ctx, or of one of ours whose
// runtime is missing: an *Exit, of the code that missing names.
func (t *Tournament) Run(ctx context.Context, missing int) (Match, []Failure, error) {
	s, err := ReadSettings(t.Directory)
	if err != nil {
		return Match{}, nil, err
	}
	r := &running{Tournament: t, settings: s, missing: missing}
	for _, c := range t.Contestants {
		r.entrants = append(r.entrants, &entrant{Contestant: c, turns: map[string][]float64{}})
	}
	defer r.killAll()
	if t.Plan.has(WhatStartup) {
		if err := r.startups(ctx); err != nil {
			return Match{}, r.failures, err
		}
	}
	if len(t.Plan.warmTasks()) > 0 {
		if err := r.warm(ctx); err != nil {
			return Match{}, r.failures, err
		}
	}
	return r.match(), r.failures, nil
}

// running is a tournament under way.
type running struct {
	*Tournament
	settings Settings
	missing  int
	entrants []*entrant // those still in
	failures []Failure
}

// order is the order of turns in a round.
func (r *running) order(round int) []*entrant {
	out := slices.Clone(r.entrants)
	random := rand.New(rand.NewPCG(r.Plan.Seed, uint64(round)))
	random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// drop takes a contestant out. What it gives ends the tournament.
func (r *running) drop(ctx context.Context, e *entrant, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("bench: %s: %w", e.Name, ctx.Err())
	}
	var exit *Exit
	if e.Ours && errors.As(err, &exit) && exit.Code == r.missing {
		return err
	}
	if e.process != nil {
		e.process.Kill()
		e.process = nil
	}
	name := e.side.Name
	if name == "" {
		name = e.Name
	}
	r.failures = append(r.failures, Failure{Contestant: name, Match: r.settings.String(), Error: err.Error()})
	r.entrants = slices.DeleteFunc(r.entrants, func(x *entrant) bool { return x == e })
	return nil
}

func (r *running) killAll() {
	for _, e := range r.entrants {
		if e.process != nil {
			e.process.Kill()
		}
	}
}

// start starts a contestant's process and looks at what it says of itself.
func (r *running) start(ctx context.Context, e *entrant) error {
	p, err := Start(ctx, e.Contestant, r.Directory)
	if err != nil {
		return err
	}
	e.process = p
	y := p.Ready
	before := e.side
	e.side = Side{
		Name: r.unique(y.Name, e), Version: y.Version, Device: y.Device, Threads: y.Threads, WaitPolicy: y.WaitPolicy,
		Setting: y.Setting, Start: y.StartSeconds, Check: y.Check, Peak: before.Peak, PeakGPU: before.PeakGPU,
	}
	if e.side.WaitPolicy == "" {
		e.side.WaitPolicy = waitPolicy()
	}
	if !e.Ours {
		e.side.Command = e.Name
	}
	if why := refused(y, r.settings); why != "" {
		return errors.New(why)
	}
	return nil
}

// waitPolicy is what a process finds in its environment.
func waitPolicy() string {
	if p := os.Getenv("OMP_WAIT_POLICY"); p != "" {
		return p
	}
	return "not set"
}

// unique gives a name that no other contestant has.
func (r *running) unique(name string, of *entrant) string {
	candidate := name
	for k := 2; slices.ContainsFunc(r.entrants, func(e *entrant) bool { return e != of && e.side.Name == candidate }); k++ {
		candidate = fmt.Sprintf("%s (%d)", name, k)
	}
	return candidate
}

func (e *entrant) do(task Task, count int) (float64, error) {
	a, err := e.process.Do(task, count)
	if err != nil {
		return 0, err
	}
	e.side.Peak, e.side.PeakGPU = max(e.side.Peak, a.PeakMB), max(e.side.PeakGPU, a.PeakGPUMB)
	e.side.Notes = a.Notes
	return a.Seconds / float64(count), nil
}

// startups times the way from the start of a process to the end of its first
// step.
func (r *running) startups(ctx context.Context) error {
	for round := -r.Plan.Warmup; round < r.Plan.Rounds; round++ {
		r.tell("startup", round)
		for _, e := range r.order(round) {
			seconds, err := r.startup(ctx, e)
			if err != nil {
				if err := r.drop(ctx, e, err); err != nil {
					return err
				}
				continue
			}
			if round >= 0 {
				e.turns[WhatStartup] = append(e.turns[WhatStartup], seconds)
			}
		}
	}
	return nil
}

func (r *running) startup(ctx context.Context, e *entrant) (float64, error) {
	if err := r.start(ctx, e); err != nil {
		return 0, err
	}
	step, err := e.do(Step, 1)
	if err != nil {
		return 0, err
	}
	seconds := e.process.ReadySeconds + step
	e.process.Quit()
	e.process = nil
	return seconds, nil
}

// warm lets processes take turns that were started before.
func (r *running) warm(ctx context.Context) error {
	for _, e := range slices.Clone(r.entrants) {
		r.Tell(fmt.Sprintf("%s: %s is started", r.settings, e.Name))
		if err := r.start(ctx, e); err != nil {
			if err := r.drop(ctx, e, err); err != nil {
				return err
			}
		}
	}
	for round := -r.Plan.Warmup; round < r.Plan.Rounds; round++ {
		r.tell("step and predict", round)
		for _, e := range r.order(round) {
			if err := r.turn(e, round); err != nil {
				if err := r.drop(ctx, e, err); err != nil {
					return err
				}
			}
		}
	}
	for _, e := range r.entrants {
		e.process.Quit()
		e.process = nil
	}
	return nil
}

func (r *running) turn(e *entrant, round int) error {
	for _, task := range r.Plan.warmTasks() {
		seconds, err := e.do(task, r.Plan.Count)
		if err != nil {
			return err
		}
		if round >= 0 {
			e.turns[string(task)] = append(e.turns[string(task)], seconds)
		}
	}
	return nil
}

func (r *running) tell(what string, round int) {
	r.Tell(fmt.Sprintf("%s: %s, %s", r.settings, what, roundName(round, r.Plan.Rounds)))
}

// roundName names a round; those below 0 warm up.
func roundName(round, rounds int) string {
	if round < 0 {
		return "warm-up"
	}
	return fmt.Sprintf("round %d/%d", round+1, rounds)
}

// match puts the turns together.
func (r *running) match() Match {
	m := Match{Settings: r.settings, Expected: r.Expected}
	for _, e := range r.entrants {
		m.Contestants = append(m.Contestants, e.side)
	}
	patterns := float64(r.settings.Batch * r.settings.channels())
	for _, what := range What() {
		for i, e := range r.entrants {
			turns := e.turns[what]
			if turns == nil {
				continue
			}
			s := Series{What: what, Contestant: e.side.Name, Turns: turns, Seconds: NewSpread(turns)}
			if what != WhatStartup {
				rates := NewSpread(inverse(patterns, turns))
				s.PerSecond = &rates
			}
			if i > 0 {
				ratio := NewSpread(Ratios(turns, r.entrants[0].turns[what]))
				s.Ratio = &ratio
			}
			m.Series = append(m.Series, s)
		}
	}
	return m
}

// inverse is how many of so many pass in a second, turn by turn.
func inverse(many float64, seconds []float64) []float64 {
	out := make([]float64, len(seconds))
	for i, s := range seconds {
		out[i] = many / s
	}
	return out
}

// String names a work.
func (s Settings) String() string {
	text := fmt.Sprintf("batch %d, threads %d", s.Batch, s.Threads)
	if s.Device != "cpu" {
		text += ", " + s.Device
	}
	if s.AllowTF32 {
		text += ", TF32"
	}
	return text
}
