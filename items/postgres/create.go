package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"menu-api/items"
)

// creation is an item that is to be added, and then what came of it.
type creation struct {
	ctx   context.Context //nolint:containedctx // it belongs to the caller, the statement to the group
	stamp items.Stamp
	item  items.Item
	err   error
}

// maxGroup bounds how many items are added by one statement.
const maxGroup = 128

// Create implements items.Store. Items that are added at the same time are added by one statement, which costs the server
// hardly more than one for each of them would (BenchmarkCreate).
func (s *Store) Create(ctx context.Context, stamp items.Stamp, item items.Item) (items.Item, error) {
	item.ID, item.Version = 0, 1
	own := &creation{ctx: ctx, stamp: stamp, item: item}
	if stamp.Key != nil {
		s.createOne(own) // it may turn out to be there already
		return own.item, own.err
	}
	if err := s.creations.Run(ctx, own); err != nil {
		return items.Item{}, err
	}
	return own.item, own.err
}

// createAll adds the items of a group: all at once, and one by one if that fails for another reason than an outage.
func (s *Store) createAll(group []*creation) {
	if len(group) > 1 {
		err := s.createMany(group)
		if err == nil {
			return
		}
		if isOurs(err) {
			for _, c := range group {
				c.item, c.err = items.Item{}, err
			}
			return
		}
	}
	for _, c := range group {
		s.createOne(c)
	}
}

// createOne adds an item, or finds what the request with its key had added.
func (s *Store) createOne(c *creation) {
	c.item, c.err = s.create(c.ctx, c.stamp, c.item)
}

func (s *Store) create(ctx context.Context, stamp items.Stamp, item items.Item) (items.Item, error) {
	rest, err := snapshotRest(item)
	if err != nil {
		return items.Item{}, err
	}
	args := append(fieldArgs(item), stamp.By, stamp.At, rest)
	// The id is drawn first, since the key has to be taken, with the id, before anything is written.
	slot := `SELECT nextval('item_ids') AS item_id`
	if stamp.Key != nil {
		slot = takeKey(`nextval('item_ids')`, `1`, 14)
		args = append(args, keyArgs(stamp)...)
	}
	statement := `WITH slot AS (` + slot + `), item AS (
			INSERT INTO items (id, version, ` + fields + `)
			SELECT item_id, 1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM slot RETURNING id, version
		)` + intoHistory + `'create', $11, $12, NULL, '{"id":' || item.id || $13 FROM item, turn RETURNING item_id`
	for {
		if item, known, err := s.replay(ctx, stamp); err != nil || known {
			return item, err
		}
		id, done, err := s.write(ctx, statement, args...)
		switch {
		case isDuplicate(err): // an import has taken the id in the meantime: draw another
		case err != nil:
			return items.Item{}, err
		case done:
			item.ID = id
			return item, nil
		}
	}
}

// insertMany adds items with their history. It locks all lanes that it needs in their order, so that two that do this at
// the same time cannot wait for each other.
const insertMany = `WITH input AS (
	SELECT nextval('item_ids') AS id, given.* FROM unnest(
		$1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::bytea[], $10::bytea[],
		$11::text[], $12::timestamptz[], $13::text[]
	) WITH ORDINALITY AS given (` + fields + `, author, at, rest, place)
), item AS (
	INSERT INTO items (id, version, ` + fields + `) SELECT id, 1, ` + fields + ` FROM input
), needed AS (
	SELECT id % 8 AS lane, count(*) AS changes FROM input GROUP BY id % 8
), locked AS (
	SELECT lane, seq FROM lanes WHERE lane IN (SELECT lane FROM needed) ORDER BY lane FOR UPDATE
), turn AS (
	UPDATE lanes SET seq = lanes.seq + needed.changes FROM needed, locked
	WHERE lanes.lane = needed.lane AND locked.lane = needed.lane
), history AS (
	INSERT INTO changes (item_id, version, lane, seq, action, author, at, before_json, after_json)
	SELECT id, 1, lane, seq + row_number() OVER (PARTITION BY lane ORDER BY id), 'create', author, at, NULL, '{"id":' || id || rest
	FROM input JOIN locked ON lane = id % 8
)
SELECT id FROM input ORDER BY place`

// createMany adds all items or none. Its errors are those of commit.
func (s *Store) createMany(group []*creation) error {
	args, err := columnsOf(group)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), items.ReadTimeout) // for all, who may leave
	defer cancel()
	var ids []int64
	err = s.commit(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		ids = ids[:0]
		return s.each(ctx, conn, func(rows pgx.CollectableRow) error {
			var id int64
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		}, insertMany, args...)
	})
	if err != nil {
		return err
	}
	for i, c := range group {
		c.item.ID = ids[i]
	}
	s.changed()
	return nil
}

// columnsOf turns the rows into columns, the arguments of insertMany.
func columnsOf(group []*creation) ([]any, error) {
	var (
		names, descriptions, images, taglines, categories, searches, authors, rests []string
		prices                                                                      []int64
		calories                                                                    []*int64
		nameKeys, groupKeys                                                         [][]byte
		times                                                                       []time.Time
	)
	for _, c := range group {
		rest, err := snapshotRest(c.item)
		if err != nil {
			return nil, err
		}
		names = append(names, c.item.Name)
		prices = append(prices, int64(c.item.Price))
		descriptions = append(descriptions, c.item.Description)
		images = append(images, c.item.Image)
		taglines = append(taglines, c.item.Tagline)
		categories = append(categories, c.item.Category)
		calories = append(calories, c.item.Calories)
		searches = append(searches, items.SearchText(c.item))
		nameKeys = append(nameKeys, []byte(items.SortKey(c.item.Name)))
		groupKeys = append(groupKeys, []byte(items.SortKey(c.item.Category)))
		authors = append(authors, c.stamp.By)
		times = append(times, c.stamp.At)
		rests = append(rests, rest)
	}
	return []any{
		names, prices, descriptions, images, taglines, categories, calories, searches, nameKeys, groupKeys, authors, times, rests,
	}, nil
}
