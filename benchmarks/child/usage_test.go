package child

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

func TestUsage(t *testing.T) {
	own := os.Getpid()
	begin := CPU(own)
	for deadline := time.Now().Add(10 * time.Second); CPU(own) < begin+3*clockTick; {
		if time.Now().After(deadline) {
			t.Fatalf("this process has had %v of processor time and no more, for seconds", CPU(own))
		}
	}
	cmd := exec.Command("/bin/sh", "-c", "read line # a mark")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Start returns when the program has been loaded: from then on these are its arguments.
	if got, want := Children(own)[cmd.Process.Pid], "/bin/sh -c read line # a mark"; got != want {
		t.Errorf("the child is %q, want %q", got, want)
	}
	stdin.Close()
	_ = cmd.Wait() // reading nothing is an error to it
	if args, there := Children(own)[cmd.Process.Pid]; there {
		t.Errorf("the child has ended, and is still %q", args)
	}
	if cpu, peak := CPU(cmd.Process.Pid), PeakMemory(cmd.Process.Pid); cpu != 0 || peak != 0 {
		t.Errorf("a child that has ended has %v and %d bytes, want nothing", cpu, peak)
	}
}

func TestForgetPeak(t *testing.T) {
	const size = 100 << 20
	memory, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(memory); i += os.Getpagesize() {
		memory[i] = 1
	}
	own := os.Getpid()
	if err := syscall.Munmap(memory); err != nil {
		t.Fatal(err)
	}
	before := PeakMemory(own)
	if err := ForgetPeak(own); err != nil {
		t.Fatal(err)
	}
	if after := PeakMemory(own); before < size || after > before-size/2 {
		t.Errorf("the peak was %d bytes and is %d now that %d were given back and it was forgotten", before, after, size)
	}
}
