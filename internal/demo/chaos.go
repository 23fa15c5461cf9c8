package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// chaosProgram is the program that the act is about.
const chaosProgram = "stowage-chaos"

// chaos is the act of the chaos tool: an hour of random evictions, in seconds, and then the
// outage of a zone, each with the report of what the workloads made of it.
func (d *demo) chaos(ctx context.Context) error {
	zone, zoned := lastZone(d.pool)
	d.live.Println("\nTesting the workloads with stowage-chaos")
	workloads, err := d.prepare(ctx, "chaos")
	if err != nil {
		return err
	}
	placed, err := d.round(ctx, workloads)
	if err != nil {
		return err
	}
	d.laps.Lap("%d workloads started", len(workloads))
	if err := placed.verdict(); err != nil {
		return err
	}
	err = d.disturb(ctx, "An hour of random evictions within disruption budgets, every 5 minutes, simulated in seconds", "an hour of evictions",
		"evict", "--namespaces", namespace, "--max-kill", "4", "--interval", "1s", "--times", "12", "--max-recovery", "1m")
	if err != nil || !zoned {
		return err
	}
	err = d.disturb(ctx, fmt.Sprintf("The outage of %s: its nodes become unreachable, and return", zone), "the outage of "+zone,
		"zone", "--zone", zone, "--kind", "down", "--duration", "30s", "--recovery-timeout", "5m")
	if err != nil {
		return err
	}
	var left outcome
	if err := d.measure(ctx, workloads, &left); err != nil {
		return err
	}
	return left.verdict()
}

// disturb has stowage-chaos do something and shows its report. That the steady state was
// broken is an error.
func (d *demo) disturb(ctx context.Context, title, lap string, args ...string) error {
	d.live.Println("\n" + title + "\n\n  stowage-chaos " + strings.Join(args, " ") + " --no-dry-run\n")
	shown := d.besidePlayground(chaosProgram + "-" + args[0] + ".txt")
	journal := d.besidePlayground(chaosProgram + "-" + args[0] + ".jsonl")
	program, err := d.play.StartProgram(chaosProgram, chaosProgram, append(args,
		"--kubeconfig", d.play.Kubeconfig, "--context", d.play.Info.Context, "--no-dry-run", "--journal", journal, "--output-file", shown)...)
	if err != nil {
		return err
	}
	defer program.Kill()
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	for begin, running := time.Now(), true; running; {
		select {
		case <-ctx.Done():
			program.Stop(context.WithoutCancel(ctx), chaosGrace) // it puts everything back
			return ctx.Err()
		case <-ticker.C:
			d.live.Show(fmt.Sprintf("stowage-chaos is running: %.1fs", time.Since(begin).Seconds()))
		case <-program.Done():
			running = false
		}
	}
	text, err := os.ReadFile(shown)
	if err == nil {
		d.live.Println(string(text))
	}
	d.laps.Lap("%s", lap)
	return errors.Join(program.Err(), err, d.chaosPage(ctx, title, chaosProgram+"-"+args[0]+".html", journal))
}

// chaosGrace is how long stowage-chaos may take to put everything back.
const chaosGrace = 20 * time.Second
