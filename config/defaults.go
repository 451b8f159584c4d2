package config

// Default gives the defaults of everything.
func Default() Config {
	var c Config
	for _, f := range table {
		f.reset(&c)
	}
	return c
}

// DefaultModel gives the defaults of the section model.
func DefaultModel() ModelConfig { return Default().Training.Model }

// DefaultTraining gives the defaults of the sections training and model.
func DefaultTraining() TrainingConfig { return Default().Training }

// DefaultExecution gives the defaults of the section execution.
func DefaultExecution() ExecutionConfig { return Default().Execution }

// DefaultData gives the defaults of the section data.
func DefaultData() DataConfig { return Default().Data }

// DefaultReconstruction gives the defaults of the section reconstruction.
func DefaultReconstruction() ReconstructionConfig { return Default().Reconstruction }

// DefaultInference gives the defaults of an inference. Its model and its
// NeighborCount are the zero values: those of the bundle.
func DefaultInference() InferenceConfig {
	c := Default().Inference("")
	c.Model, c.NeighborCount = ModelConfig{}, 0
	return c
}

// Inference is the part of c that an inference from the model at modelPath
// uses. The file to reconstruct is test_data_file.
func (c Config) Inference(modelPath string) InferenceConfig {
	t := c.Training
	return InferenceConfig{
		Model: t.Model, ModelPath: modelPath, TestDataFile: t.TestDataFile,
		NGroups: t.NGroups, NSubsample: t.NSubsample, SubsampleSeed: t.SubsampleSeed, NeighborCount: t.NeighborCount,
		OutputDir: t.OutputDir, Backend: t.Backend, BatchSize: t.BatchSize,
	}
}

// whole is the Config that says the same as c, with defaults for what c does
// not have and for numbers and texts of the model that are not set.
func (c InferenceConfig) whole() Config {
	w := Default()
	t := &w.Training
	t.TestDataFile, t.NGroups, t.NSubsample, t.SubsampleSeed = c.TestDataFile, c.NGroups, c.NSubsample, c.SubsampleSeed
	t.OutputDir, t.Backend, t.BatchSize = c.OutputDir, c.Backend, c.BatchSize
	if c.NeighborCount != 0 {
		t.NeighborCount = c.NeighborCount
	}
	if c.Model == (ModelConfig{}) {
		return w
	}
	t.Model = c.Model
	for _, f := range table {
		if f.Section == "model" && f.Kind != Switch && isZero(f.at(&w)) {
			f.reset(&w)
		}
	}
	return w
}

// isZero says whether a setting has its type's zero value.
func isZero(pointer any) bool {
	switch p := pointer.(type) {
	case *int:
		return *p == 0
	case *uint64:
		return *p == 0
	case **uint64:
		return *p == nil
	case *float64:
		return *p == 0
	case *bool:
		return !*p
	default:
		return *pointer.(*string) == ""
	}
}
