package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// lines are records of every kind: those that are written here, and those that are left to slog.
func lines() *rapid.Generator[slog.Record] {
	text := rapid.OneOf(rapid.StringMatching(`[ -~]{0,20}`), rapid.String(),
		rapid.SampledFrom([]string{"", "\x00", "\x7f", "é", "\u2028", "\xff", `"\`, "<>&"}))
	value := rapid.OneOf(
		rapid.Map(text, slog.StringValue),
		rapid.Map(rapid.Int64(), slog.Int64Value),
		rapid.Map(rapid.Uint64(), slog.Uint64Value),
		rapid.Map(rapid.Float64(), slog.Float64Value),
		rapid.Map(rapid.Int64Range(0, 1e7), func(micros int64) slog.Value { return slog.Float64Value(float64(micros) / 1000) }),
		rapid.SampledFrom([]slog.Value{
			slog.Float64Value(0), slog.Float64Value(1e-6), slog.Float64Value(9.99e-7), slog.Float64Value(1e21), slog.Float64Value(9e20),
			slog.Float64Value(math.Inf(1)), slog.Float64Value(math.NaN()), slog.Float64Value(math.Copysign(0, -1)),
			slog.BoolValue(true), slog.DurationValue(time.Second), slog.TimeValue(time.Unix(1, 2)), slog.AnyValue(nil),
			slog.AnyValue(errors.New("failed")), slog.AnyValue([]int{1}), slog.GroupValue(slog.Int("a", 1)), slog.GroupValue(),
		}),
	)
	return rapid.Custom(func(t *rapid.T) slog.Record {
		at := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		if rapid.IntRange(0, 9).Draw(t, "without a time") == 0 {
			at = time.Time{}
		}
		record := slog.NewRecord(at, slog.Level(rapid.IntRange(-5, 9).Draw(t, "level")), text.Draw(t, "message"), 0)
		for range rapid.IntRange(0, 9).Draw(t, "attributes") {
			record.AddAttrs(slog.Attr{Key: text.Draw(t, "key"), Value: value.Draw(t, "value")})
		}
		return record
	})
}

func TestJSONHandlerWritesWhatSlogDoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		record := lines().Draw(t, "line")
		var got, want bytes.Buffer
		if err := newJSONHandler(&got, nil).Handle(context.Background(), record); err != nil {
			t.Fatal(err)
		}
		if err := slog.NewJSONHandler(&want, nil).Handle(context.Background(), record); err != nil {
			t.Fatal(err)
		}
		if got.String() != want.String() {
			t.Fatalf("got  %swant %s", got.String(), want.String())
		}
	})
}

// request is a line such as the access log has.
func request() slog.Record {
	line := slog.NewRecord(time.Now(), slog.LevelInfo, "request", 0)
	line.AddAttrs(
		slog.String("request_id", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), slog.String("method", "GET"), slog.String("route", "/items"),
		slog.String("path", "/items"), slog.Int("status", 200), slog.Int("bytes", 375), slog.Float64("duration_ms", 0.123),
		slog.String("client", "127.0.0.1"),
	)
	return line
}

// A line of the access log is one of those that are written here.
func TestAccessLogLinesArePlain(t *testing.T) {
	t.Parallel()
	if line, plain := appendLine(nil, request()); !plain {
		t.Errorf("%q was left to slog", line)
	}
}

func BenchmarkLogLine(b *testing.B) {
	for name, handler := range map[string]slog.Handler{
		"slog": slog.NewJSONHandler(io.Discard, nil), "ours": newJSONHandler(io.Discard, nil), //nolint:sloglint // what it takes to encode a line is measured
	} {
		b.Run(name, func(b *testing.B) {
			line := request()
			b.ReportAllocs()
			for b.Loop() {
				if err := handler.Handle(context.Background(), line); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
