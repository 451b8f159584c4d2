package selector

import "golang.org/x/sys/cpu"

// fastBFloat16 says whether the processor multiplies bfloat16 numbers itself.
// Elsewhere the runtimes do it in software.
func fastBFloat16() bool { return cpu.X86.HasAVX512BF16 || cpu.X86.HasAMXBF16 }
