package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"menu-api/items"
)

// The table search_index has the trigrams of each item's text: all runs of three characters. A search looks up a few
// trigrams of each word, which yields candidates: every item that contains the words, and a few that do not. Then it
// compares the text of the candidates.
//
// The index may be behind: it contains the items with indexed = version. The others are candidates of every search. A
// write brings the index up to date for its items, and an import leaves that to the background. See docs/adr/0024-search-index.md.

const (
	// maxFetched is how many candidates a search fetches and sorts at once, because that takes milliseconds.
	maxFetched = 3_000
	// maxListed is how many candidates a search lists in memory, to recognize them in the order of the list. With more of them,
	// it is faster to read the items in the order of the list and to compare their text.
	maxListed = 8_000
	// maxWalked is how many items a search looks through in the order of the list.
	maxWalked = 10_000
	// maxTrigrams is how many trigrams a search looks up. A few find about the same candidates as all.
	maxTrigrams = 24
)

var (
	countCandidates = statement(`
SELECT
	(SELECT count(*) FROM (SELECT 1 FROM items WHERE indexed <> version LIMIT @enough)),
	(SELECT count(*) FROM (SELECT 1 FROM search_index WHERE search_index MATCH @trigrams LIMIT @enough))`)

	countWalked = `SELECT count(*) FROM (SELECT 1 FROM items {where} ORDER BY {order} LIMIT @walked)`

	candidates = `
	SELECT rowid FROM search_index WHERE search_index MATCH @trigrams
	UNION ALL
	SELECT id FROM items WHERE indexed <> version`

	// The four ways to search. NOT INDEXED makes SQLite look up the candidates by id. The walk of candidates reads the index of
	// the order, and of the items only the candidates.
	fromCandidates = `items NOT INDEXED {where} AND id IN (` + candidates + `) AND {words}`
	walkCandidates = `(SELECT id AS walked FROM items {where} ORDER BY {order} LIMIT @walked) CROSS JOIN items ON id = walked
	WHERE walked IN (` + candidates + `) AND {words}`
	walkItems = `(SELECT * FROM items {where} ORDER BY {order} LIMIT @walked) WHERE {words}`
	fromScan  = `items {where} AND {words}`

	// The driver stops a statement only before its first row. This one finds all rows of the page before it returns one.
	searchItems = statement(`
WITH page AS MATERIALIZED (
	SELECT id FROM {source}
	ORDER BY {order} LIMIT @limit
)
SELECT id, version, {columns} FROM items WHERE id IN page ORDER BY {order}`)
)

// search lists the items that contain all words of the query. The result is that of a scan; only the cost differs.
func (s *Store) search(ctx context.Context, query items.Query) ([]items.Item, error) {
	tx, err := s.scan.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // so that all statements see the same items
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	find := func(source string) ([]items.Item, error) {
		text, args := searchStatement(query, source)
		return all(ctx, tx, scanItem, text, args...)
	}
	trigrams := trigramsOf(query.Words)
	if trigrams == "" {
		return find(fromScan)
	}
	type counts struct{ behind, found int }
	n, err := one(ctx, tx, func(row *sql.Rows) (n counts, err error) {
		err = row.Scan(&n.behind, &n.found)
		return n, err
	}, countCandidates, arg("trigrams", trigrams), arg("enough", maxListed+1))
	switch {
	case err != nil:
		return nil, err
	case n.behind > maxFetched: // the index is being built
		return find(fromScan)
	case n.behind+n.found <= maxFetched:
		return find(fromCandidates)
	}
	// If there are many candidates, the first ones are usually near the beginning of the order.
	walk := walkItems
	if n.behind+n.found <= maxListed {
		walk = walkCandidates
	}
	page, err := find(walk)
	if err != nil || query.Limit > 0 && len(page) == query.Limit {
		return page, err
	}
	text, args := searchStatement(query, countWalked)
	walked, err := value[int](ctx, tx, text, args...)
	if err != nil || walked < maxWalked { // that was the whole list
		return page, err
	}
	return find(fromCandidates)
}

// searchStatement returns the statement that searches the source, or countWalked.
func searchStatement(query items.Query, source string) (string, []any) {
	where, order, args := listConditions(query)
	var words []string
	for i, word := range query.Words {
		name := fmt.Sprint("word", i)
		words = append(words, `instr(search, @`+name+`) > 0`)
		args = append(args, arg(name, word))
	}
	limit := query.Limit
	if limit == 0 {
		limit = -1
	}
	args = append(args, arg("limit", limit), arg("walked", maxWalked), arg("trigrams", trigramsOf(query.Words)))
	if source == countWalked {
		return strings.NewReplacer(`{where}`, where, `{order}`, order).Replace(source), args
	}
	text := strings.Replace(searchItems, `{source}`, source, 1)
	return strings.NewReplacer(`{where}`, where, `{order}`, order, `{words}`, strings.Join(words, ` AND `)).Replace(text), args
}

// trigramsOf returns a full-text query for the words, or "" if all words have fewer than three characters. Trigrams that do
// not overlap find about the same candidates as all trigrams of a word, in a fraction of the time.
func trigramsOf(words []string) string {
	var trigrams []string
	for _, word := range words {
		letters := []rune(word)
		for i := 0; i < len(letters) && len(letters) >= 3; i += 3 {
			start := min(i, len(letters)-3)
			trigrams = append(trigrams, `"`+strings.ReplaceAll(string(letters[start:start+3]), `"`, `""`)+`"`)
		}
	}
	return strings.Join(trigrams[:min(len(trigrams), maxTrigrams)], ` AND `)
}

var (
	insertIndexed = statement(`
INSERT OR REPLACE INTO search_index (rowid, search)
SELECT id, search FROM items WHERE id IN (SELECT value FROM json_each(@ids))`)

	// SQLite keeps what each transaction added in a new segment of the index, and merges segments later. By default it merges
	// many at once, which every fifty transactions or so delays one by tens of milliseconds.
	stopMerges = statement(`INSERT INTO search_index (search_index, rank) VALUES ('automerge', 0)`)

	// mergeSegments merges a number of pages, if there are enough segments. See https://www.sqlite.org/fts5.html#the_merge_command.
	mergeSegments = statement(`INSERT INTO search_index (search_index, rank) VALUES ('merge', @pages)`)

	deleteIndexed = statement(`DELETE FROM search_index WHERE rowid = @id`)

	clearIndex = statement(`INSERT INTO search_index (search_index) VALUES ('delete-all')`)
)

// index replaces the entries of items in the index. One statement for many items costs half as much as one for each: SQLite
// writes the trigrams that it has collected before each statement.
func index(ctx context.Context, tx *conn, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	if _, err := tx.exec(ctx, insertIndexed, listArg("ids", ids)); err != nil {
		return err
	}
	_, err := tx.exec(ctx, mergeSegments, arg("pages", 8+len(ids)/2)) // as many as keep up with the new ones
	return err
}

const (
	// indexStep is how many items the background brings up to date in one write, so that other writes wait for milliseconds.
	indexStep = 200
	// indexPause is how often the background looks for items that other programs have written.
	indexPause = 10 * time.Second
)

var (
	someNotIndexed = statement(`SELECT EXISTS (SELECT 1 FROM items WHERE indexed <> version)`)

	selectNotIndexed = statement(`
SELECT id, version, {columns} FROM items WHERE indexed <> version ORDER BY id LIMIT @limit`)

	setIndexed = statement(`
UPDATE items SET indexed = version
WHERE id = @id AND search = @search AND name_key = @name_key AND group_key = @group_key`)

	setKeys = statement(`
UPDATE items SET search = @search, name_key = @name_key, group_key = @group_key, indexed = version WHERE id = @id`)
)

// indexInBackground brings items up to date until the context ends: after an import, after the migration that created the
// index, and after a write of an older version of the program. Its steps are writes, so it resumes after a restart.
func (s *Store) indexInBackground(ctx context.Context) {
	_ = s.writer.run(ctx, func(ctx context.Context, tx *conn) error { return tx.run(ctx, stopMerges) })
	for ctx.Err() == nil {
		n, err := s.indexNext(ctx)
		if err == nil && n == indexStep {
			continue
		}
		select {
		case <-s.notIndexed:
		case <-time.After(indexPause):
		case <-ctx.Done():
		}
	}
}

// indexNext brings at most indexStep items up to date and returns how many.
func (s *Store) indexNext(ctx context.Context) (n int, err error) {
	behind, err := value[bool](ctx, s.read, someNotIndexed)
	if err != nil || !behind {
		return 0, err // without waiting for writers
	}
	err = s.writer.run(ctx, func(ctx context.Context, tx *conn) error {
		list, err := all(ctx, tx, scanItem, selectNotIndexed, arg("limit", indexStep))
		if err != nil {
			return err
		}
		for _, item := range list {
			// Most items have the keys already, and then no other index changes.
			done, err := tx.exec(ctx, setIndexed, itemArgs(item)...)
			if err != nil {
				return err
			}
			if same, err := done.RowsAffected(); err != nil {
				return err
			} else if same == 0 {
				if _, err := tx.exec(ctx, setKeys, itemArgs(item)...); err != nil {
					return err
				}
			}
			tx.written = append(tx.written, item.ID)
		}
		n = len(list)
		return nil
	})
	return n, err
}
