package charts_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// TestInstall has releases on a real control plane. Nothing runs in the pods, as nodes are fake:
// programs run beside it, as their accounts.
func TestInstall(t *testing.T) {
	c := startCluster(t)
	t.Run("the API server takes all that is rendered", c.takesRenderings)
	t.Run("schedules are refused that the API server refuses", c.refusesSchedules)
	for _, program := range []string{helm4, helm3} {
		t.Run(program, func(t *testing.T) { c.comesAndGoes(t, program) })
	}
	t.Run("the webhook of a release with another name", c.webhook)
	t.Run("a second scheduler", c.secondScheduler)
}

// takesRenderings applies without effect what golden files are of.
func (c *cluster) takesRenderings(t *testing.T) {
	for _, tt := range renderings {
		var text strings.Builder
		for _, o := range tt.render(t, helm4) {
			if o.GetKind() == "ServiceMonitor" || c.older && strings.HasPrefix(o.GetKind(), "MutatingAdmissionPolicy") {
				continue // the API server does not know it
			}
			data, err := yaml.Marshal(o.Object)
			if err != nil {
				t.Fatal(err)
			}
			text.WriteString("---\n" + string(data))
		}
		if _, err := c.Kubectl(t.Context(), "apply", "--server-side", "--dry-run=server", "-f", write(t, "objects.yaml", text.String())); err != nil {
			t.Errorf("%s: %v", tt.file, err)
		}
	}
}

// refusesSchedules compares what the schema takes with what a CronJob may have.
func (c *cluster) refusesSchedules(t *testing.T) {
	for _, schedule := range []string{
		"*/30 * * * *", "0 0 1,15 * 0", "5-55/10 8-17 * jan-mar,DEC mon-fri", "0  0 ? * *", "@hourly", "@every 1h30m",
		"61 * * * *", "* 24 * * *", "0 0 0 * *", "0 0 32 * *", "0 0 * 13 *", "0 0 * * 7", "* * * *", "* * * * * *", "*/0 * * * *", "hourly", "@often", "", "* * * * Mo",
	} {
		_, asked := c.client.BatchV1().CronJobs(metav1.NamespaceDefault).Create(t.Context(), &batchv1.CronJob{
			ObjectMeta: metav1.ObjectMeta{Name: "asks"},
			Spec: batchv1.CronJobSpec{Schedule: schedule, JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{
				Spec: corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "main", Image: "main"}}},
			}}}},
		}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		_, rendered := helm(t, helm4, append(release{}.args(t), "--set-string", "descheduler.schedule="+strings.ReplaceAll(schedule, ",", `\,`))...)
		if (asked == nil) != (rendered == nil) {
			t.Errorf("schedule %q: the API server says %v, the chart %v", schedule, asked, rendered)
		}
	}
}

// comesAndGoes installs a release, has its programs at work, changes it, and takes it away.
func (c *cluster) comesAndGoes(t *testing.T, program string) {
	before := playgroundtest.Everything(t, c.Playground)
	in := []string{"--namespace", system, "--wait", "--timeout", "3m"}
	c.helm(t, program, slices.Concat([]string{"install", "stowage", chart}, in)...)
	installed := playgroundtest.Everything(t, c.Playground)
	scheduler := c.startScheduler(t, program, "stowage", system)
	c.helm(t, program, "test", "stowage", "--namespace", system, "--timeout", "3m")
	c.runToEnd(t, c.installed(t, program, "stowage", system, "descheduler"), "stowage-descheduler", 0, "Nothing to do")
	const moves = `{"data": {"moves.yaml": "# what was moved"}}`
	c.kubectl(t, "--namespace", system, "patch", "configmap", "stowage-descheduler", "--type", "merge", "--patch", moves)

	c.helm(t, program, slices.Concat([]string{"upgrade", "stowage", chart}, in, []string{
		"--set", fmt.Sprintf("scheduler.replicas=3,scheduler.limits.admission=auto,scheduler.route.enabled=%t,descheduler.kind=Deployment", !c.older),
		"--set", "networkPolicy.enabled=true,chaos.enabled=true,chaos.rights.nodes=true",
	})...)
	c.runToEnd(t, c.installed(t, program, "stowage", system, "chaos"), "stowage-chaos", 3, "there was nothing to remove")
	if got := c.kubectl(t, "--namespace", system, "get", "configmap", "stowage-descheduler", "-o", "jsonpath={.data.moves\\.yaml}"); got != "# what was moved" {
		t.Errorf("the upgrade has the descheduler forget: %q", got)
	}

	c.helm(t, program, slices.Concat([]string{"upgrade", "stowage", chart, "--reset-values"}, in)...)
	c.settle(t, "what the change has brought is gone", installed)
	scheduler.Stop(context.Background(), playgroundtest.Patience) // before its account goes
	c.helm(t, program, "uninstall", "stowage", "--namespace", system, "--wait", "--timeout", "3m")
	c.settle(t, "nothing of the release is left", before)
}

// settle waits until there is in the cluster what was there, but for pods and their like, whose
// names are new, and for what Helm writes down.
func (c *cluster) settle(t *testing.T, what string, want []string) {
	t.Helper()
	lasting := func(all []string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(name string) bool {
			kind, _, _ := strings.Cut(name, " ")
			ofCronJob := kind == "Job" && !strings.HasSuffix(name, "-test")
			return ofCronJob || kind == "Pod" || kind == "ReplicaSet" || kind == "Secret" && strings.Contains(name, "sh.helm.release")
		})
	}
	playgroundtest.Eventually(t, what, func(context.Context) (bool, string) {
		diff := cmp.Diff(lasting(want), lasting(playgroundtest.Everything(t, c.Playground)))
		return diff == "", diff
	})
}

// runToEnd runs a program of a release, without what goes by the time of day, and checks how it
// ends.
func (c *cluster) runToEnd(t *testing.T, i installed, program string, code int, said string) {
	t.Helper()
	args := slices.DeleteFunc(i.args, func(arg string) bool {
		name, _, _ := strings.Cut(arg, "=")
		return name == "--in-cluster" || name == "--excluded-weekdays" || name == "--excluded-times-of-day"
	})
	if program == "stowage-chaos" {
		config, err := clientcmd.LoadFromFile(i.kubeconfig)
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, "--context", config.CurrentContext)
	} else {
		args = append(args, "--cooldown-config-map", system+"/stowage-descheduler")
	}
	out, err := playgroundtest.Run(t, program, append(args, "--kubeconfig", i.kubeconfig)...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	}
	if err != nil {
		out += err.Error()
	}
	if got != code || !strings.Contains(out, said) {
		t.Errorf("%s ends with exit code %d, want %d and %q: %s", program, got, code, said, out)
	}
}

// webhook has the webhook of a release keep its certificate where the release has put it: an upgrade
// leaves that alone.
func (c *cluster) webhook(t *testing.T) {
	const name = "other-limits"
	before := playgroundtest.Everything(t, c.Playground)
	values := []string{"other", chart, "--namespace", system, "--set", "descheduler.enabled=false,scheduler.limits.admission=webhook"}
	c.helm(t, helm4, append([]string{"install"}, values...)...)
	for _, right := range []authorizationv1.ResourceAttributes{
		{Verb: "update", Resource: "secrets", Namespace: system, Name: name},
		{Verb: "update", Group: "admissionregistration.k8s.io", Resource: "mutatingwebhookconfigurations", Name: name},
	} {
		if err := playgroundtest.AwaitAllowed(t.Context(), c.client, system, name, right); err != nil {
			t.Fatal(err)
		}
	}
	i := c.installed(t, helm4, "other", system, "limits")
	args := append(i.args, "--kubeconfig", i.kubeconfig, "--bind-address", "127.0.0.1", "--secure-port", playgroundtest.Port(t), "--permit-port-sharing")
	p, err := c.StartProgram("stowage-scheduler", "webhook-"+name, args...)
	if err != nil {
		t.Fatal(err)
	}
	playgroundtest.Need(t, p)
	kept := func(ctx context.Context) (trusted, secret string) {
		configuration, err := c.client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.client.CoreV1().Secrets(system).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return string(configuration.Webhooks[0].ClientConfig.CABundle), string(s.Data["ca.crt"])
	}
	var certificate string
	playgroundtest.Eventually(t, "its certificate is trusted", func(ctx context.Context) (bool, string) {
		var secret string
		certificate, secret = kept(ctx)
		return certificate != "" && certificate == secret, certificate + secret
	})
	p.Stop(context.Background(), playgroundtest.Patience)
	c.helm(t, helm4, append([]string{"upgrade", "--set", "scheduler.replicas=1"}, values...)...)
	if trusted, secret := kept(t.Context()); trusted != certificate || secret != certificate {
		t.Errorf("the upgrade takes the certificate away: trusted is %q, kept %q, want %q", trusted, secret, certificate)
	}
	c.helm(t, helm4, "uninstall", "other", "--namespace", system, "--wait", "--timeout", "3m")
	c.settle(t, "nothing of the release is left", before)
}

// secondScheduler tries to have two.
func (c *cluster) secondScheduler(t *testing.T) {
	refuse := func(want, name, namespace string, args ...string) {
		t.Helper()
		_, err := c.try(t, helm4, slices.Concat([]string{"install", name, chart, "--namespace", namespace}, args)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("release %s in %s: %v, want %q", name, namespace, err, want)
		}
	}
	c.kubectl(t, "apply", "-k", "../config/scheduler")
	refuse("cannot be imported into the current release", "stowage", system)
	refuse("profiles[0].schedulerName: stowage: must be another name, because it is a profile of the scheduler installed by `kubectl apply -k config/scheduler`", "other", elsewhere)
	// What the README says to those who come from there.
	c.kubectl(t, "--namespace", system, "delete", "deployment,poddisruptionbudget", "stowage-scheduler")
	c.helm(t, helm4, "install", "stowage", chart, "--namespace", system, "--take-ownership")

	refuse("release name stowage: must be another name, because ClusterRole stowage-scheduler belongs to release stowage in namespace stowage-system", "stowage", elsewhere)
	refuse("profiles[0].schedulerName: stowage: must be another name, because it is a profile of release stowage in namespace stowage-system", "other", elsewhere)
	c.helm(t, helm4, "install", "watcher", chart, "--namespace", elsewhere, "--set", "scheduler.enabled=false")
	c.helm(t, helm4, "install", "other", chart, "--namespace", elsewhere, "--values", write(t, "values.yaml", ownProfiles))
	c.helm(t, helm4, "upgrade", "stowage", chart, "--namespace", system)
	c.startScheduler(t, helm4, "stowage", system)
	c.startScheduler(t, helm4, "other", elsewhere)
	c.helm(t, helm4, "test", "other", "--namespace", elsewhere, "--timeout", "3m")
}
