package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"menu-api/items"
)

// Numbers rise in the order of commits, see lockWrites: once a reader has seen a number, no lower one appears.
var (
	selectChanges = `
SELECT item_id, version, number, action, author, author_name, at, batch, after_json
FROM changes
WHERE number > @after
ORDER BY number
LIMIT @limit`

	selectFeed = `SELECT id, (SELECT coalesce(max(number), 0) FROM changes) AS newest, pruned FROM feed`
)

// Changes implements items.Store.
func (s *Store) Changes(ctx context.Context, after int64, limit int) ([]items.Change, error) {
	return read(ctx, s, rowToChange, selectChanges, pgx.NamedArgs{"after": after, "limit": limit})
}

// Feed implements items.Store.
func (s *Store) Feed(ctx context.Context) (items.Feed, error) {
	return readOne(ctx, s, pgx.RowToStructByName[items.Feed], selectFeed, nil)
}

// Wait implements items.Store.
func (s *Store) Wait(ctx context.Context) error { return s.notifier.Wait(ctx) }

// changed wakes the goroutines that wait for a change, in this process and in the other replicas.
func (s *Store) changed() {
	s.notifier.Notify()
	select {
	case s.announce <- struct{}{}:
	default: // an announcement is due anyway
	}
}

const (
	channel = "menu_api_changes"
	// notifyPause is the least time between two announcements. One announcement does for many changes.
	notifyPause = 50 * time.Millisecond
	// listenPause is the time before the next attempt to listen. The store polls until then.
	listenPause = 5 * time.Second
)

func (s *Store) startBackground(notify bool) {
	ctx, cancel := context.WithCancel(context.Background())
	s.stopBackground = cancel
	s.background.Go(func() { s.prepareIndex(ctx) })
	s.background.Go(func() { s.updateKeys(ctx) })
	s.background.Go(func() { s.watchPrivileges(ctx) })
	if notify {
		s.background.Go(func() { s.notify(ctx) })
		s.background.Go(func() { s.listen(ctx) })
	}
}

// notify announces changes to the other replicas. It is not part of the writes, because a lost announcement costs only the
// time to the next poll.
func (s *Store) notify(ctx context.Context) {
	for {
		select {
		case <-s.announce:
		case <-ctx.Done():
			return
		}
		if _, err := s.exec(ctx, `NOTIFY `+channel, nil); err != nil && ctx.Err() == nil {
			s.log.Debug("cannot announce a change to other replicas", "error", err)
		}
		items.Sleep(ctx, notifyPause)
	}
}

// listen wakes the goroutines that wait when another replica announces changes.
func (s *Store) listen(ctx context.Context) {
	for ctx.Err() == nil {
		if err := s.listenOnce(ctx); ctx.Err() == nil {
			s.log.Debug("cannot listen for changes of other replicas; trying again", "error", err)
			items.Sleep(ctx, listenPause)
		}
	}
}

func (s *Store) listenOnce(ctx context.Context) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	// Close does not end this statement: pgx would ask the server to cancel it, and PgBouncer 1.18 can crash on that.
	starting, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	defer cancel()
	if _, err := conn.Exec(starting, `LISTEN `+channel); err != nil {
		return err
	}
	for {
		s.notifier.Notify() // also at first: an announcement may have come before LISTEN
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}
