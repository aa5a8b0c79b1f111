package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"menu-api/items"
)

// lanes is how many lanes the feed has. The migration makes them.
const lanes = 8

// Changes implements items.Store. The cursor has the last number read of each lane.
func (s *Store) Changes(ctx context.Context, after items.Cursor, limit int) ([]items.Change, items.Cursor, error) {
	if len(after) != lanes {
		now, err := read(ctx, s, pgx.RowTo[int64], `SELECT seq FROM lanes ORDER BY lane`)
		return nil, now, err
	}
	// A page takes from the beginning of every lane, so that what it leaves out comes after it in each.
	changes, err := read(ctx, s, func(rows pgx.CollectableRow) (items.Change, error) {
		var place items.Place
		change, err := scanChangeAnd(rows, &place.Lane, &place.Seq)
		change.Place = place
		return change, err
	}, `SELECT c.* FROM unnest($1::bigint[]) WITH ORDINALITY AS after (seq, place) CROSS JOIN LATERAL (
			SELECT lane, seq, `+changeColumns+` FROM changes WHERE lane = after.place - 1 AND seq > after.seq ORDER BY seq LIMIT $2
		) c ORDER BY c.seq - after.seq, c.lane LIMIT $2`, []int64(after), limit)
	if err != nil {
		return nil, after, err
	}
	next := append(items.Cursor(nil), after...)
	for _, change := range changes {
		next[change.Place.Lane] = change.Place.Seq
	}
	return changes, next, nil
}

// Await implements items.Store.
func (s *Store) Await(ctx context.Context) error { return s.bell.Wait(ctx) }

// changed wakes those who wait for a change, here and in other replicas.
func (s *Store) changed() {
	s.bell.Ring()
	select {
	case s.announce <- struct{}{}:
	default: // it is going to be announced anyway
	}
}

const (
	channel = "menu_api_changes"
	// notifyPause bounds how often changes are announced. One announcement is as good as many.
	notifyPause = 50 * time.Millisecond
	// listenPause is how long to wait before listening again after that has failed. Polls go on in the meantime.
	listenPause = 5 * time.Second
	sweepPause  = 10 * time.Minute
)

func (s *Store) startBackground(config *pgx.ConnConfig, notify bool) {
	ctx, cancel := context.WithCancel(context.Background())
	s.stopBackground = cancel
	s.background.Go(func() { s.sweep(ctx) })
	if notify {
		s.background.Go(func() { s.notify(ctx) })
		s.background.Go(func() { s.listen(ctx, config) })
	}
}

// notify tells the other replicas that there are changes. It is no part of the writes: PostgreSQL lets only one
// transaction that notifies commit at a time.
func (s *Store) notify(ctx context.Context) {
	for {
		select {
		case <-s.announce:
		case <-ctx.Done():
			return
		}
		if _, err := s.pool.Exec(ctx, `SELECT pg_notify($1, '')`, channel); err != nil && ctx.Err() == nil {
			s.log.Debug("changes are not announced", "err", err)
		}
		sleep(ctx, notifyPause)
	}
}

// listen wakes those who wait when another replica announces changes.
func (s *Store) listen(ctx context.Context, config *pgx.ConnConfig) {
	for ctx.Err() == nil {
		if err := s.listenOnce(ctx, config); ctx.Err() == nil {
			s.log.Debug("announcements of changes are not heard", "err", err)
			sleep(ctx, listenPause)
		}
	}
}

func (s *Store) listenOnce(ctx context.Context, config *pgx.ConnConfig) error {
	conn, err := pgx.ConnectConfig(ctx, config.Copy())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, `LISTEN `+channel); err != nil {
		return err
	}
	for {
		s.bell.Ring() // also at first: something may have changed while nobody listened
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}

// sweep forgets the idempotency keys that have expired.
func (s *Store) sweep(ctx context.Context) {
	for ctx.Err() == nil {
		_, err := s.pool.Exec(ctx, `DELETE FROM idempotency_keys WHERE at <= $1`, expiry(time.Now()))
		if err != nil && ctx.Err() == nil {
			s.log.Debug("expired idempotency keys are not removed", "err", err)
		}
		sleep(ctx, sweepPause)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
