package storetest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"menu-api/items"
)

// TestSearchEndsWithItsContext checks that the engine stops a search on a large menu when its context ends, and that searches
// delay no other call. It is not part of Run, because it needs a large menu.
func TestSearchEndsWithItsContext(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	// The index cannot serve words of two letters. Every item contains these, which makes the search slow.
	const words = "wh at th ma ar rk ke et ha ad is mo or rn ni"
	for range 25 { // until a search takes long enough to be interrupted
		if err := store.Import(context.Background(), info, false, Many(2_000)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		mustQuery(t, store, items.Query{Words: append(strings.Fields(words), "zx"), Sort: items.ByPriceDown, Limit: 20})
		if time.Since(began) > 100*time.Millisecond {
			break
		}
	}
	mustCreate(t, store, items.Item{Name: "Zq", Description: "Made of what the market had this morning, with a little too much " +
		"butter, and served warm.", Price: items.MaxPrice})
	for name, last := range map[string]string{"before the first row": "zx", "after the first row": "zq"} {
		query := items.Query{Words: append(strings.Fields(words), last), Sort: items.ByPriceDown, Limit: 20}
		whole := time.Hour // the fastest of three, because other load on the machine delays some
		for range 3 {
			began := time.Now()
			mustQuery(t, store, query)
			whole = min(whole, time.Since(began))
		}
		// Searches that end one after the other must leave the store usable.
		fastest := time.Hour
		for range 20 {
			ctx, cancel := context.WithTimeout(context.Background(), whole/8)
			began := time.Now()
			_, err := store.List(ctx, query)
			cancel()
			if err == nil {
				continue // on a busy machine, whole is longer than most searches take
			}
			assertIs(t, err, context.DeadlineExceeded)
			fastest = min(fastest, time.Since(began))
		}
		if fastest > whole/2+20*time.Millisecond {
			t.Errorf("%s: the search ended after %v, want the deadline of %v (without one it takes %v)", name, fastest, whole/8, whole)
		}
	}

	ctx, cancel := context.WithCancel(context.Background())
	var searches sync.WaitGroup
	for i := range 2 {
		searches.Go(func() {
			for ctx.Err() == nil {
				_, _ = store.List(ctx, items.Query{Words: []string{fmt.Sprint("z", i)}, Limit: 20})
			}
		})
	}
	took := make([]time.Duration, 5)
	for i := range took {
		began := time.Now()
		mustGet(t, store, 1)
		mustCreate(t, store, soup())
		assertIs(t, store.Ping(context.Background()), nil)
		took[i] = time.Since(began)
	}
	if middle := median(took); middle > 5*time.Second {
		t.Errorf("a read, a write and a ping took a median of %v during searches, want less than 5 s", middle)
	}
	cancel()
	searches.Wait()
}

// texts are what the items of the search tests consist of: words of one letter and of many, several scripts, and characters
// that have a meaning in patterns and queries.
var texts = []string{
	"soup", "soups", "onion soup", "so", "s", "*", "?", "[a]", "[", "]", "a*b?c", "100%", "%_%", "p_z", "pizza", `back\slash`, "---", "--",
	`"quoted"`, `a"b`, "o'clock", "NOT", "AND", "NEAR(", "^caret", "борщ", "борщи", "щ", "漢字", "漢字料理", "🍔", "🍔🍟🥤", "é", "crème",
	"ﷺ", "x\ufdfa", "spaghetti carbonara", "co:lon", "{brace}", "(paren)", "semi;colon", "null", "caﬀe", "ß", "straße", "0", "42",
}

// searched returns what a search must find: the items that contain all words, in the order of the query.
func searched(menu []items.Item, query items.Query) []int64 {
	found := []items.Item{}
	for _, item := range menu {
		text := items.SearchText(item)
		if (query.Category == "" || items.SortKey(item.Category) == query.Category) &&
			!slices.ContainsFunc(query.Words, func(word string) bool { return !strings.Contains(text, word) }) {
			found = append(found, item)
		}
	}
	slices.SortFunc(found, orderOf(query.Sort))
	if query.After != nil {
		i, _ := slices.BinarySearchFunc(found, items.Item{ID: query.After.ID + 1, Name: query.After.Name, Price: query.After.Price}, orderOf(query.Sort))
		found = found[i:]
	}
	return ids(found[:min(query.Limit, len(found))])
}

func orderOf(sort items.Sort) func(a, b items.Item) int {
	return func(a, b items.Item) int {
		byID := cmp.Compare(a.ID, b.ID)
		switch sort {
		case items.ByName:
			return cmp.Or(cmp.Compare(items.SortKey(a.Name), items.SortKey(b.Name)), byID)
		case items.ByPrice:
			return cmp.Or(cmp.Compare(a.Price, b.Price), byID)
		case items.ByPriceDown:
			return cmp.Or(cmp.Compare(b.Price, a.Price), byID)
		default: // no item of these tests has a position
			return byID
		}
	}
}

var sorts = []items.Sort{items.ByID, items.ByName, items.ByPrice, items.ByPriceDown, items.ByMenu}

// assertSearches compares the pages of random searches with what they must find.
func assertSearches(tb testing.TB, store items.Store, random *rand.Rand, n, limit int) {
	tb.Helper()
	menu := mustList(tb, store)
	for range n {
		query := items.Query{Sort: sorts[random.IntN(len(sorts))], Limit: 1 + random.IntN(limit)}
		for range 1 + random.IntN(2) {
			word := items.Fold(texts[random.IntN(len(texts))])
			if letters := []rune(word); random.IntN(3) == 0 { // a part of the word
				start := random.IntN(len(letters))
				word = string(letters[start : start+1+random.IntN(len(letters)-start)])
			}
			query.Words = append(query.Words, strings.Fields(word)...)
		}
		if random.IntN(4) == 0 {
			query.Category = "mains"
		}
		for { // every page
			got, want := mustQuery(tb, store, query), searched(menu, query)
			if !slices.Equal(ids(got), want) {
				tb.Fatalf("%q by %s, category %q, limit %d, after %+v: got %v, want %v",
					query.Words, query.Sort, query.Category, query.Limit, query.After, ids(got), want)
			}
			if len(got) < query.Limit || random.IntN(4) == 0 {
				break
			}
			query.After = items.PageKeyOf(got[len(got)-1])
		}
	}
}

// randomItem returns an item of up to four texts.
func randomItem(random *rand.Rand) items.Item {
	var words [4]string
	for i := range words[:1+random.IntN(4)] {
		words[i] = texts[random.IntN(len(texts))]
	}
	return items.Item{
		Name: words[0], Description: words[1] + " " + words[2], Tagline: words[3], Category: []string{"", "Mains", "Drinks"}[random.IntN(3)],
		Price: items.Price(random.IntN(20)),
	}
}

// testSearchMatchesScan checks that a search finds what looking through all items would find, after writes of every kind.
func testSearchMatchesScan(t *testing.T, engine Engine) {
	store, ctx := mustOpen(t, engine), context.Background()
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same in every run
	many := func(n int) []items.Item {
		menu := make([]items.Item, n)
		for i := range menu {
			menu[i] = randomItem(random)
		}
		return menu
	}
	importAll := func(replace bool) {
		menu := many(size.written)
		err := store.Import(ctx, info, replace, func() (items.Record, error) {
			if len(menu) == 0 {
				return items.Record{}, io.EOF
			}
			item := menu[0]
			menu = menu[1:]
			return items.Record{Item: &item}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	steps := []struct {
		name string
		do   func()
	}{
		{"seed", func() { assertIs(t, store.Seed(ctx, info, many(20)), nil) }},
		{"create", func() {
			for _, item := range many(size.written) {
				mustCreate(t, store, item)
			}
		}},
		{"import", func() { importAll(false) }},
		{"update, delete and restore", func() {
			for _, item := range mustList(t, store)[:size.written/2] { //nolint:contextcheck // the test has one context
				_, err := store.Update(ctx, info, item.ID, func(items.Item) (items.Item, error) { return randomItem(random), nil })
				assertIs(t, err, nil)
				if item.ID%3 == 0 {
					continue
				}
				_, err = store.Delete(ctx, info, item.ID, func(items.Item) error { return nil })
				assertIs(t, err, nil)
				if item.ID%3 == 1 {
					_, err = store.Restore(ctx, info, item.ID)
					assertIs(t, err, nil)
				}
			}
		}},
		{"replace", func() { importAll(true) }},
		{"reset", func() {
			_, err := store.Reset(ctx, info, many(50))
			assertIs(t, err, nil)
		}},
	}
	for _, step := range steps {
		step.do()
		if t.Run(step.name, func(t *testing.T) { assertSearches(t, store, random, size.searches, 20) }); t.Failed() {
			return
		}
	}
}

// TestSearchLargeMenu compares searches in a menu that is large enough for every way to search it. It is not part of Run,
// because it takes long.
func TestSearchLargeMenu(t *testing.T, engine Engine) {
	store, ctx := mustOpen(t, engine), context.Background()
	random := rand.New(rand.NewPCG(5, 6)) //nolint:gosec // the same in every run
	n := 0
	err := store.Import(ctx, info, false, func() (items.Record, error) {
		if n++; n > 18_000 {
			return items.Record{}, io.EOF
		}
		item := randomItem(random)
		item.Price = items.Price(n)
		if n > 9_000 { // many matches, all at one end of the order
			item.Tagline = "clustered " + texts[random.IntN(len(texts))]
		}
		if n > 14_000 {
			item.Tagline += " gathered"
		}
		return items.Record{Item: &item}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	menu := mustList(t, store)
	for range 2 { // the second time, the index is complete
		assertSearches(t, store, random, 20, 1000)
		for _, sort := range sorts {
			for _, words := range [][]string{{"clustered"}, {"gathered"}, {"clustered", "soup"}, {"soup", "crustered"}} {
				for _, category := range []string{"", "mains"} {
					query := items.Query{Sort: sort, Limit: 21, Words: words, Category: category}
					if got, want := ids(mustQuery(t, store, query)), searched(menu, query); !slices.Equal(got, want) {
						t.Fatalf("%q by %s, category %q: got %v, want %v", words, sort, category, got, want)
					}
				}
			}
		}
		time.Sleep(2 * time.Second)
	}
}

// TestSearchAtScale measures searches in a menu of a million items. The targets are at most 10 ms if the matches are spread over
// the order, and 250 ms if they cluster at its far end. A scan takes far more than four times as long, which is what a machine
// that is busy with other programs may take. ready reports whether the index is complete.
func TestSearchAtScale(t *testing.T, engine Engine, ready func(items.Store) bool) {
	const noise = 4
	store, n := mustOpen(t, engine), 0
	next := Many(1_000_000)
	err := store.Import(context.Background(), info, false, func() (items.Record, error) {
		rec, err := next()
		if err != nil {
			return rec, err
		}
		n++
		for word, every := range map[string]int{"rareword": 3000, "seldom": 200, "commonly": 10} {
			if n%every == 0 {
				rec.Item.Description += " " + word
			}
		}
		for word, price := range map[string]items.Price{"farcorner": 9_990, "farprovince": 9_900, "farcountry": 9_000} {
			if rec.Item.Price >= price {
				rec.Item.Description += " " + word
			}
		}
		return rec, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for !ready(store) {
		time.Sleep(100 * time.Millisecond)
	}
	t.Logf("the index was complete %v after the import", time.Since(began).Round(time.Second))
	for _, test := range []struct {
		name, words string
		sorts       []items.Sort
		most        time.Duration
	}{
		{"absent", "nowhere", sorts, 10 * time.Millisecond},
		{"two absent words", "nowhere neither", sorts, 10 * time.Millisecond},
		{"rare: 333 items", "rareword", sorts, 10 * time.Millisecond},
		{"seldom: 5,000 items", "seldom", sorts, 10 * time.Millisecond},
		{"common: 100,000 items", "commonly", sorts, 10 * time.Millisecond},
		{"in every item", "market", sorts, 10 * time.Millisecond},
		{"1,000 at the far end", "farcorner", sorts[2:3], 250 * time.Millisecond},
		{"10,000 at the far end", "farprovince", sorts[2:3], 250 * time.Millisecond},
		{"100,000 at the far end", "farcountry", sorts[2:3], 250 * time.Millisecond},
	} {
		for _, sort := range test.sorts {
			took := make([]time.Duration, 9)
			for i := range took {
				began := time.Now()
				mustQuery(t, store, items.Query{Words: strings.Fields(test.words), Sort: sort, Limit: 21})
				took[i] = time.Since(began)
			}
			middle := median(took)
			t.Logf("| %s | %s | %v |", test.name, sort, middle.Round(10*time.Microsecond))
			if middle > noise*test.most {
				t.Errorf("%s, by %s: got a median of %v, want at most %v on an idle machine", test.name, sort, middle, test.most)
			}
		}
	}
}
