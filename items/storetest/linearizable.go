package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"menu-api/items"
)

// call is one operation on the item of testLinearizable: a read, a write of value, or a write of value if the item has the
// value expected.
type call struct {
	kind            string // get, set or swap
	expected, value items.Price
}

// outcome is the result of a call: the price that it read or wrote, and whether it wrote.
type outcome struct {
	price items.Price
	done  bool
}

// register is the model of the item: one price, to which calls apply one after the other.
var register = porcupine.Model{
	Init: func() any { return items.Price(0) },
	Step: func(state, input, output any) (bool, any) {
		price, in, out := state.(items.Price), input.(call), output.(outcome) //nolint:forcetypeassert // put in below
		switch {
		case in.kind == "get":
			return out.price == price, price
		case in.kind == "set":
			return out.price == in.value, in.value
		case out.done:
			return price == in.expected, in.value
		default:
			return price != in.expected, price
		}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}

var errNotExpected = errors.New("another value than expected")

// Concurrent reads and writes of one item, through two stores, are linearizable: they have the same results as if each had
// happened at one moment between its call and its return.
func testLinearizable(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	stores := []items.Store{mustOpenAt(t, engine, place), mustOpenAt(t, engine, place)}
	id := mustCreate(t, stores[0], items.Item{Name: "Register"}).ID
	const clients, each, values = 6, 40, 4
	history := make([][]porcupine.Operation, clients)
	start := time.Now()
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(client), 1)) //nolint:gosec // the same calls in every run
			for range each {
				in := call{
					kind:     []string{"get", "get", "set", "swap"}[random.IntN(4)],
					expected: items.Price(random.IntN(values)), value: items.Price(random.IntN(values)),
				}
				called := time.Since(start).Nanoseconds()
				out := perform(t, stores[client%2], id, in)
				history[client] = append(history[client], porcupine.Operation{
					ClientId: client, Input: in, Output: out, Call: called, Return: time.Since(start).Nanoseconds(),
				})
			}
		})
	}
	wg.Wait()
	var all []porcupine.Operation
	for _, operations := range history {
		all = append(all, operations...)
	}
	if got := porcupine.CheckOperationsTimeout(register, all, 30*time.Second); got != porcupine.Ok {
		t.Errorf("got %q for %d operations, want a history that is linearizable", got, len(all))
	}
}

func perform(tb testing.TB, store items.Store, id int64, in call) outcome {
	tb.Helper()
	if in.kind == "get" {
		return outcome{price: mustGet(tb, store, id).Price}
	}
	updated, err := store.Update(context.Background(), info, id, func(item items.Item) (items.Item, error) {
		if in.kind == "swap" && item.Price != in.expected {
			return item, errNotExpected
		}
		item.Price = in.value
		return item, nil
	})
	if err != nil && !errors.Is(err, errNotExpected) {
		tb.Errorf("Update: %v", err)
	}
	return outcome{price: updated.Price, done: err == nil}
}
