package items

import (
	"context"
	"fmt"
	"sync"
)

// Replica is the memory of one process.
type Replica struct{ answers *answers }

// NewReplica returns one that remembers nothing yet.
func NewReplica() Replica { return Replica{newAnswers()} }

// See returns the store as the controller sees it: reads by way of the answers that are kept, writes past them. What the
// answers were made of is kept beside them, so that a test can compare items and not JSON.
func (r Replica) See(store Store) Store {
	return &remembering{Store: newWatchedStore(store, r.answers), answers: r.answers}
}

// Drop is what the replica does when its follower sees a change.
func (r Replica) Drop() { r.answers.drop() }

// Kept returns how many answers there are, and how many bytes they are taken to have.
func (r Replica) Kept() (n, bytes int) {
	r.answers.mu.Lock()
	defer r.answers.mu.Unlock()
	return r.answers.kept.Len(), r.answers.bytes
}

type remembering struct {
	Store
	answers *answers
}

var madeOf sync.Map // the []Item of each *answer

func (r *remembering) ask(ctx context.Context, q question, read func(context.Context) ([]Item, error)) ([]Item, error) {
	found, err := r.answers.get(ctx, q, func(ctx context.Context) (*answer, error) {
		list, err := read(ctx)
		if err != nil {
			return nil, err
		}
		a := &answer{}
		madeOf.Store(a, list)
		return a, nil
	})
	if err != nil {
		return nil, err
	}
	list, _ := madeOf.Load(found)
	return list.([]Item), nil
}

// List implements Store.
func (r *remembering) List(ctx context.Context, query Query) ([]Item, error) {
	after := fmt.Sprintf("%+v", query.After)
	rest := query
	rest.After = nil
	q := question{route: "list", query: fmt.Sprintf("%+v %s", rest, after)}
	return r.ask(ctx, q, func(ctx context.Context) ([]Item, error) { return r.Store.List(ctx, query) })
}

// Get implements Store.
func (r *remembering) Get(ctx context.Context, id int64) (Item, error) {
	list, err := r.ask(ctx, question{route: "get", id: id}, func(ctx context.Context) ([]Item, error) {
		item, err := r.Store.Get(ctx, id)
		return []Item{item}, err
	})
	if err != nil {
		return Item{}, err
	}
	return list[0], nil
}
