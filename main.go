// Menu API is a restaurant menu as a REST API: anyone reads it, and only holders of the right permission change it.
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The second signal ends the program at once, even while the first one still waits for requests.
	context.AfterFunc(ctx, stop)
	if err := cli.Run(ctx, os.Args[1:], os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "menu-api:", err)
		os.Exit(cli.ExitStatus(err))
	}
}
