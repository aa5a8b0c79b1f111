package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"menu-api/items"
)

var (
	// selectOldKeys returns items whose keys belong to another version of the item: an older program does not set keys_of.
	selectOldKeys = expand(`
SELECT id, version, {columns} FROM items WHERE id > @after AND keys_of <> version ORDER BY id LIMIT @limit`)

	// setKeys does nothing if the item has changed since: that write has set its keys.
	setKeys = `
UPDATE items SET search = @search, name_key = @name_key, group_key = @group_key, keys_of = version
WHERE id = @id AND version = @version`
)

const (
	// keysStep is how many items one transaction updates, and keysPause the time between two, so that other writes hardly wait.
	keysStep  = 100
	keysPause = 50 * time.Millisecond
	// keysInterval is how often a replica looks for items that an older replica has written.
	keysInterval = 10 * time.Minute
)

// updateKeys makes the keys again of items that an older version of the program has written, now and every ten minutes. An
// older replica can continue to write. Each step is a transaction, so it resumes after a restart. Neither the version of an
// item nor its history changes.
func (s *Store) updateKeys(ctx context.Context) {
	var after int64
	var pause time.Duration
	for ; ctx.Err() == nil; items.Sleep(ctx, pause) {
		list, err := read(ctx, s, pgx.RowToStructByName[items.Item], selectOldKeys, pgx.NamedArgs{"after": after, "limit": keysStep})
		if err == nil && len(list) > 0 {
			err = s.transact(ctx, "", func(batch *pgx.Batch) {
				for _, item := range list {
					args := keyArgs(&item)
					args["id"], args["version"] = item.ID, item.Version
					batch.Queue(setKeys, args)
				}
			})
		}
		if err != nil {
			s.log.Debug("cannot update the search keys; trying again", "error", err)
		}
		if err != nil || len(list) < keysStep {
			after, pause = 0, keysInterval
		} else {
			after, pause = list[len(list)-1].ID, keysPause
		}
	}
}
