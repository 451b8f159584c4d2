// Package config holds the settings of a run: typed, with one table of
// defaults, read from YAML and flags, checked all at once, and mapped to the
// reference program's parameter names for callers that want them.
package config

// Backend names of TrainingConfig.Backend and InferenceConfig.Backend. Whether
// a name is known is judged by package selector and not here.
const (
	TensorFlow = "tensorflow"
	PyTorch    = "pytorch"
)

// LogEpsilon is ε of the Poisson loss and the deviance, λ − y·ln(λ + ε): added to
// an intensity before its logarithm is taken. It is no setting.
const LogEpsilon = 1e-6

// ModelConfig describes network and physics.
type ModelConfig struct {
	N                      int     `yaml:"N"`                        // side of a pattern in pixels: 64, 128 or 256
	Gridsize               int     `yaml:"gridsize"`                 // g: a group has g² patterns
	NFiltersScale          float64 `yaml:"n_filters_scale"`          // f: multiplies every channel count
	ModelType              string  `yaml:"model_type"`               // pinn or supervised
	Architecture           string  `yaml:"architecture"`             // cnn
	PadObject              bool    `yaml:"pad_object"`               // the head makes the central N/2 square, zeros around it
	ObjectBig              bool    `yaml:"object_big"`               // a patch for each pattern of a group, merged
	ProbeBig               bool    `yaml:"probe_big"`                // a second head fills the border
	ProbeMask              bool    `yaml:"probe_mask"`               // the exit wave is cut to the disc of radius N/4
	ProbeScale             float64 `yaml:"probe_scale"`              // divides the normalised probe
	GaussianSmoothingSigma float64 `yaml:"gaussian_smoothing_sigma"` // of the exit wave, in pixels; 0: none
	AmpActivation          string  `yaml:"amp_activation"`           // sigmoid, swish, softplus or relu
	PatchMerge             string  `yaml:"patch_merge"`              // uniform, central, probe or reference
}

// Values of ReconstructionConfig.Weighting.
const (
	WeightingUniform = "uniform" // all pixels of the square alike
	WeightingProbe   = "probe"   // by |P|², the light that fell on them
)

// TrainingConfig describes a training run.
type TrainingConfig struct {
	Model                   ModelConfig `yaml:"-"` // the section model of a file
	TrainDataFile           string      `yaml:"train_data_file"`
	TestDataFile            string      `yaml:"test_data_file"`
	BatchSize               int         `yaml:"batch_size"`
	NEpochs                 int         `yaml:"nepochs"`
	MAEWeight               float64     `yaml:"mae_weight"`
	NLLWeight               float64     `yaml:"nll_weight"`
	RealspaceMAEWeight      float64     `yaml:"realspace_mae_weight"`
	RealspaceWeight         float64     `yaml:"realspace_weight"`
	TVWeight                float64     `yaml:"tv_weight"`
	NPhotons                float64     `yaml:"nphotons"`            // photons in a mean pattern
	NGroups                 int         `yaml:"n_groups"`            // 0: as many as there are patterns
	NSubsample              int         `yaml:"n_subsample"`         // patterns of the file that are used; 0: all
	SubsampleSeed           *uint64     `yaml:"subsample_seed"`      // nil: the run's seed
	NeighborCount           int         `yaml:"neighbor_count"`      // K nearest neighbours
	EnableOversampling      bool        `yaml:"enable_oversampling"` // more groups than patterns
	NeighborPoolSize        int         `yaml:"neighbor_pool_size"`  // 0: neighbor_count
	PositionsProvided       bool        `yaml:"positions_provided"`  // the file holds positions
	ProbeTrainable          bool        `yaml:"probe_trainable"`     // the probe is trained too
	IntensityScaleTrainable bool        `yaml:"intensity_scale_trainable"`
	OutputDir               string      `yaml:"output_dir"`
	SequentialSampling      bool        `yaml:"sequential_sampling"`
	Backend                 string      `yaml:"backend"` // tensorflow or pytorch
	Optimizer               string      `yaml:"optimizer"`
	LearningRate            float64     `yaml:"learning_rate"`
	AdamBeta1               float64     `yaml:"adam_beta1"`
	AdamBeta2               float64     `yaml:"adam_beta2"`
	Momentum                float64     `yaml:"momentum"`
	WeightDecay             float64     `yaml:"weight_decay"`
	Scheduler               string      `yaml:"scheduler"`
	SchedulerFactor         float64     `yaml:"scheduler_factor"`    // plateau, exponential: the learning rate's factor
	SchedulerPatience       int         `yaml:"scheduler_patience"`  // plateau: epochs without a fall
	MinLR                   float64     `yaml:"min_lr"`              // the lowest learning rate
	WarmupSteps             int         `yaml:"warmup_steps"`        // steps over which the learning rate rises to its value; 0: none
	EarlyStopPatience       int         `yaml:"early_stop_patience"` // epochs without a fall; 0: never stop early
	GradientClipVal         float64     `yaml:"gradient_clip_val"`   // 0: none
	GradientClipAlgorithm   string      `yaml:"gradient_clip_algorithm"`
	ValidationSplit         float64     `yaml:"validation_split"`
	Seed                    uint64      `yaml:"seed"`
	CheckpointEvery         int         `yaml:"checkpoint_every"` // epochs between checkpoints; 0: none, nor when training is cancelled
	CheckpointKeep          int         `yaml:"checkpoint_keep"`  // how many of the last ones are kept, besides the best
}

// InferenceConfig describes a reconstruction from a trained model.
type InferenceConfig struct {
	Model         ModelConfig `yaml:"-"` // the zero value is the bundle's; only what was set explicitly is compared with it
	ModelPath     string      `yaml:"model_path"`
	TestDataFile  string      `yaml:"test_data_file"`
	NGroups       int         `yaml:"n_groups"`
	NSubsample    int         `yaml:"n_subsample"`
	SubsampleSeed *uint64     `yaml:"subsample_seed"`
	NeighborCount int         `yaml:"neighbor_count"` // 0: the bundle's
	OutputDir     string      `yaml:"output_dir"`
	Backend       string      `yaml:"backend"`
	BatchSize     int         `yaml:"batch_size"`
}

// ExecutionConfig says where and how a run is computed. It never enters the
// legacy map.
type ExecutionConfig struct {
	Device        string `yaml:"device"`        // auto, cpu, cuda or cuda:N
	Threads       int    `yaml:"threads"`       // of one operation; 0: one for each processor
	Deterministic bool   `yaml:"deterministic"` // the same numbers at every run with the same threads
	Precision     string `yaml:"precision"`     // float32, float64 or bf16-mixed
	AllowTF32     bool   `yaml:"allow_tf32"`
}

// DataConfig says how a data file is to be read. Its changes of coordinates
// are made in the order of the fields.
type DataConfig struct {
	Kind       string  `yaml:"kind"`    // auto, amplitude or intensity
	FlipX      bool    `yaml:"flip_x"`  // x → −x
	FlipY      bool    `yaml:"flip_y"`  // y → −y
	SwapXY     bool    `yaml:"swap_xy"` // (x, y) → (y, x)
	CoordScale float64 `yaml:"coord_scale"`
}

// ReconstructionConfig says how patches are stitched to an object.
type ReconstructionConfig struct {
	M           int    `yaml:"M"` // side of the square that each patch gives; 0: 20·N/64
	DoStitching bool   `yaml:"do_stitching"`
	FlipX       bool   `yaml:"flip_x"`
	FlipY       bool   `yaml:"flip_y"`
	Transpose   bool   `yaml:"transpose"`
	Weighting   string `yaml:"weighting"` // of a patch's pixels: uniform or probe
}

// Config is everything that a file or a command line can set.
type Config struct {
	Training       TrainingConfig // its Model is the section model
	Data           DataConfig
	Reconstruction ReconstructionConfig
	Execution      ExecutionConfig
}
