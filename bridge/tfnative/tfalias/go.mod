module github.com/galeone/tensorflow/tensorflow/go

go 1.26

require github.com/wamuir/graft v0.10.0
