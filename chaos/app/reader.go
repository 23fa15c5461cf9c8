package app

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/report"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/connect"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// Reader makes commands for other programs that only read a cluster. They find it, its schedulers
// and the format of the answer by the same flags as the commands of stowage-chaos.
type Reader struct{ built *options }

// NewReader returns a Reader that is configured like the command.
func NewReader(opts ...Option) *Reader { return &Reader{build(opts)} }

// Prepare is the PersistentPreRunE of a program with such commands.
func (r *Reader) Prepare(cmd *cobra.Command, _ []string) error { return r.built.prepare(cmd) }

// Source is where a command finds its cluster, and how it shows the answer.
type Source struct {
	source sourceFlags
	output outputFlags
}

// Source adds the flags to a command.
func (r *Reader) Source(cmd *cobra.Command) *Source { return r.newSource(cmd) }

// SourceWithPage adds the flags to a command whose answer can also be a page.
func (r *Reader) SourceWithPage(cmd *cobra.Command) *Source { return r.newSource(cmd, report.HTML) }

func (r *Reader) newSource(cmd *cobra.Command, formats ...report.Format) *Source {
	s := &Source{source: sourceFlags{clusterFlags: clusterFlags{built: r.built}}}
	s.source.add(cmd, cmd.Flags())
	s.output.addDocument(cmd, cmd.Flags(), formats...)
	return s
}

// Thresholds adds the flags for how much of a loss is acceptable, and returns what they say.
func (s *Source) Thresholds(cmd *cobra.Command) func() assess.Thresholds {
	f := &thresholdFlags{}
	f.add(cmd.Flags())
	return f.thresholds
}

// Validate checks everything that needs no cluster.
func (s *Source) Validate() error {
	if err := s.output.file.Validate(); err != nil {
		return refused(err)
	}
	return s.source.validate()
}

// Schedulers returns the profiles of all schedulers, and the plugins beside those of the engine.
func (s *Source) Schedulers() ([]*schedulerconfig.KubeSchedulerProfile, frameworkruntime.Registry, error) {
	profiles, err := s.source.profiles()
	return profiles, s.source.built.registry, err
}

// Recognizer returns the recognizer for preemptible nodes, with the settings of all schedulers.
func (s *Source) Recognizer() (preemptible.Recognizer, error) { return s.source.recognizer() }

// Picture returns the cluster, or the dump of one.
func (s *Source) Picture(ctx context.Context) (*target.Picture, *connect.Clock, error) {
	return s.source.picture(ctx)
}

// Namespace returns the namespace of the context, as kubectl takes it where none is given.
func (s *Source) Namespace() string {
	const fallback = "default"
	if s.source.dump.Path != "" || s.source.inCluster {
		return fallback
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = s.source.client.Kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: s.source.client.Context}
	namespace, _, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).Namespace()
	if err != nil {
		return fallback
	}
	return namespace
}

// Write shows the answer: as JSON or YAML, or as the text that the function writes.
func (s *Source) Write(screen io.Writer, answer any, text func(out io.Writer, wide bool) error) error {
	return s.output.file.Write(screen, func(out io.Writer) error {
		if format := s.output.format; format != report.Table && format != report.Wide {
			return writeDocument(out, string(format), answer)
		}
		return text(out, s.output.format == report.Wide)
	})
}

// WriteWithPage is Write for an answer that can also be a page.
func (s *Source) WriteWithPage(screen io.Writer, answer any, text func(out io.Writer, wide bool) error, page func(io.Writer) error) error {
	if s.output.format == report.HTML {
		return s.output.file.Write(screen, page)
	}
	return s.Write(screen, answer, text)
}

// prepare checks the flags of a command, and sets up logging.
func (o *options) prepare(cmd *cobra.Command) error {
	if err := refuseEmpty(cmd); err != nil {
		return err
	}
	logs.InitLogs()
	return refused(logsapi.ValidateAndApply(o.logging, nil))
}
