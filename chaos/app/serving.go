package app

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/stowage-k8s/stowage/internal/cli"
	"github.com/stowage-k8s/stowage/internal/telemetry"
)

// servingPort is where health and metrics are served, if that is asked for.
const servingPort = 10260

// servingFlags are the flags for serving health and metrics, which is off by default.
type servingFlags struct {
	telemetry.ServingFlags
	serves func() bool
}

func (f *servingFlags) add(fs *pflag.FlagSet) {
	cli.Group(fs, cli.Serving, func() { f.ServingFlags.Add(fs, program, servingPort) })
	f.serves = func() bool { return fs.Changed("secure-port") }
	port := fs.Lookup("secure-port")
	port.Usage = fmt.Sprintf("serve health checks and metrics with HTTPS on this port, such as %d (default off)", servingPort)
	port.DefValue = "0" // what the help shows
}
