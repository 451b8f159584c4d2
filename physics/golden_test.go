package physics_test

import (
	"testing"

	"github.com/ptychobridge/ptychobridge/bridge/evalnative"
	"github.com/ptychobridge/ptychobridge/physics/physicstest"
)

func TestGoldenOnTheEvaluator(t *testing.T) {
	physicstest.Golden(t, evalnative.Open(), "../testdata/golden", physicstest.EvaluatorTolerance)
}
