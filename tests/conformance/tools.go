//go:build tools

// Package conformance names the programs of others that are let loose on archeio. Nothing of it is
// built into archeio: go.mod and go.sum say which versions, and scripts/conformance builds them.
package conformance

import (
	_ "github.com/google/go-containerregistry/cmd/crane"
	_ "github.com/onsi/gomega" // of the next one's tests, which go.sum would not cover
	_ "github.com/opencontainers/distribution-spec/conformance"
	_ "github.com/summerwind/h2spec/cmd/h2spec"
)
