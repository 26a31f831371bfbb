//go:build tools

// Package versitygw names the S3 server that geranos fills. It wants a newer Go than what is judged
// in the directory above, and so has a go.mod of its own; scripts/conformance builds it.
package versitygw

import _ "github.com/versity/versitygw/cmd/versitygw"
