package main

import (
	"image/color"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

type point struct{ x, y float64 }

var colours = []color.Color{
	color.RGBA{0xb4, 0x23, 0x2a, 0xff},
	color.RGBA{0x1f, 0x6f, 0x5c, 0xff},
	color.RGBA{0x2b, 0x59, 0xc3, 0xff},
	color.RGBA{0xb0, 0x6a, 0x00, 0xff},
	color.RGBA{0x6b, 0x3f, 0xa0, 0xff},
}

// chart draws lines over logarithmic axes.
func (b *bench) chart(file, title, xLabel, yLabel string, lines map[string][]point) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, xLabel, yLabel
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(plotter.NewGrid())
	names := make([]string, 0, len(lines))
	for name := range lines {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		xys := make(plotter.XYs, len(lines[name]))
		for j, at := range lines[name] {
			xys[j].X, xys[j].Y = max(at.x, 1), max(at.y, 0.001)
		}
		line, points, err := plotter.NewLinePoints(xys)
		if err != nil {
			return err
		}
		line.Color, points.Color, line.Width = colours[i%len(colours)], colours[i%len(colours)], vg.Points(1.5)
		p.Add(line, points)
		p.Legend.Add(name, line, points)
	}
	return p.Save(16*vg.Centimeter, 10*vg.Centimeter, filepath.Join(b.out, file))
}
