package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"menu-api/config"
	"menu-api/items"
	"menu-api/items/postgres"
	"menu-api/items/schema"
	"menu-api/items/sqlite"
)

// migrateCommand is for operators who set MIGRATE_ON_START=false, because the server's database role may not change the schema
// or because they choose the time of a long migration.
func (a *app) migrateCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "migrate", Args: noArgs,
		Short: "Show or apply the migrations of the database schema",
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() }, // so that an unknown command is an error
	}
	c.AddCommand(&cobra.Command{
		Use: "status", Args: noArgs,
		Short: "Print the version of the schema and the migrations to do; change nothing",
		RunE: a.with(config.Client, func(c *cobra.Command, cfg config.Config, _ []string) error {
			_, err := planMigrations(c.Context(), cfg, c.OutOrStdout())
			return err
		}),
	}, &cobra.Command{
		Use: "up", Args: noArgs,
		Short: "Apply the migrations to do; the server may be running",
		RunE: a.with(config.Client, func(c *cobra.Command, cfg config.Config, _ []string) error {
			err := migrateUp(c.Context(), cfg, c.OutOrStdout(), c.ErrOrStderr())
			return orStopped(c.Context(), err, "migrations that are not in the list above were not applied")
		}),
	})
	return c
}

// planMigrations prints the version of the schema and what the database lacks.
func planMigrations(ctx context.Context, cfg config.Config, to io.Writer) (state schema.State, err error) {
	if file, ok := cfg.Database.SQLiteFile(); ok {
		state, err = sqlite.Schema(ctx, file)
	} else {
		state, err = postgres.Schema(ctx, string(cfg.Database))
	}
	if err != nil {
		return state, err
	}
	_, _ = fmt.Fprintf(to, "database %s: schema version %d; this program has %d\n", cfg.Database, state.Version, state.Newest())
	if state.Oldest > 0 {
		_, _ = fmt.Fprintf(to, "programs that know version %d or a newer one can use it\n", state.Oldest)
	}
	for _, m := range state.Pending() {
		_, _ = fmt.Fprintf(to, "to do: %s\n", m.Name)
	}
	return state, nil
}

// migrateUp opens the database, which applies the migrations, and closes it again. It prints each migration as soon as it is
// applied, because one of them can take long on a large menu.
func migrateUp(ctx context.Context, cfg config.Config, stdout, stderr io.Writer) error {
	state, err := planMigrations(ctx, cfg, stdout)
	if err != nil {
		return err
	}
	// The engines report version numbers, and people know the migrations by name.
	names := map[int64]string{}
	for _, m := range state.Pending() {
		names[m.Version] = m.Name
	}
	began, applied := time.Now(), 0
	done := func(version int64, took time.Duration) {
		applied++
		_, _ = fmt.Fprintf(stdout, "done: %s in %v\n", names[version], took.Round(time.Millisecond))
	}
	var store items.Store
	if file, ok := cfg.Database.SQLiteFile(); ok {
		store, err = sqlite.OpenWith(ctx, file, sqlite.Options{Migrated: done})
	} else {
		store, err = postgres.Open(ctx, postgres.Options{URL: string(cfg.Database), Logger: quietLogger(cfg, stderr), Migrated: done})
	}
	if err == nil {
		err = store.Close()
	}
	if err == nil {
		_, err = fmt.Fprintf(stdout, "migrations applied: %d, in %v\n", applied, time.Since(began).Round(time.Millisecond))
	}
	return err
}
