// Menu API is a restaurant menu as a REST API: anyone can read it, and only callers with the right permission can change it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"menu-api/cli"
)

func main() {
	ctx := context.Background()
	// Under nohup, SIGHUP is ignored. A terminal that closes may send it twice, so it never ends the program at once.
	if !signal.Ignored(syscall.SIGHUP) {
		ctx, _ = signal.NotifyContext(ctx, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	// The second signal ends the program at once, even while the first one still waits for requests.
	context.AfterFunc(ctx, stop)
	if err := cli.Run(ctx, os.Args[1:], os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "menu-api:", err)
		os.Exit(cli.ExitStatus(err))
	}
}
