package console

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"
)

// The size of a plot in its own units; the page scales it.
const (
	plotWidth  = 640
	plotHeight = 180
	plotLeft   = 44
	plotBottom = 22
	plotTop    = 18
)

// line is one line of a plot; class names its colour.
type line struct {
	name, class string
	values      []int64
}

// lines draws values per minute over time, as SVG. All text in it is ours or a number.
func lines(label string, minutes []time.Time, all []line) template.HTML {
	top := int64(1)
	for _, l := range all {
		if len(l.values) > 0 {
			top = max(top, slices.Max(l.values))
		}
	}
	top = nice(top)
	var b strings.Builder
	open(&b, label)
	grid(&b, top)
	for _, at := range ticks(len(minutes), 6) {
		fmt.Fprintf(&b, `<text class="tick" x="%.1f" y="%d" text-anchor="middle">%s</text>`, x(at, len(minutes)), plotHeight-6, minutes[at].UTC().Format("15:04"))
	}
	for _, l := range all {
		points := make([]string, len(l.values))
		for i, v := range l.values {
			points[i] = fmt.Sprintf("%.1f,%.1f", x(i, len(l.values)), y(v, top))
		}
		fmt.Fprintf(&b, `<polyline class="line %s" points="%s"><title>%s</title></polyline>`, l.class, strings.Join(points, " "), template.HTMLEscapeString(l.name))
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // names are escaped, everything else is a number
}

// bars draws one bar per name.
func bars(label, class string, names []string, values []int64) template.HTML {
	top := int64(1)
	if len(values) > 0 {
		top = nice(max(1, slices.Max(values)))
	}
	var b strings.Builder
	open(&b, label)
	grid(&b, top)
	step := float64(plotWidth-plotLeft) / float64(max(len(values), 1))
	for i, v := range values {
		left := plotLeft + float64(i)*step
		name := template.HTMLEscapeString(names[i])
		fmt.Fprintf(&b, `<rect class="bar %s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2"><title>%s: %d</title></rect>`,
			class, left+step*.14, y(v, top), step*.72, float64(plotHeight-plotBottom)-y(v, top), name, v)
		fmt.Fprintf(&b, `<text class="tick" x="%.1f" y="%d" text-anchor="middle">%s</text>`, left+step/2, plotHeight-6, name)
		if v > 0 {
			fmt.Fprintf(&b, `<text class="value" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, left+step/2, y(v, top)-3, number(v))
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // likewise
}

func open(b *strings.Builder, label string) {
	fmt.Fprintf(b, `<svg class="plot" viewBox="0 0 %d %d" role="img" aria-label="%s">`, plotWidth, plotHeight, template.HTMLEscapeString(label))
}

func grid(b *strings.Builder, top int64) {
	for _, share := range []int64{0, 1, 2} {
		v := top * share / 2
		if share == 1 && top < 2 {
			continue
		}
		fmt.Fprintf(b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="tick" x="%d" y="%.1f" text-anchor="end">%s</text>`,
			plotLeft, plotWidth, y(v, top), y(v, top), plotLeft-6, y(v, top)+4, number(v))
	}
}

func x(i, n int) float64 {
	return plotLeft + float64(i)*float64(plotWidth-plotLeft-14)/float64(max(n-1, 1))
}

func y(v, top int64) float64 {
	return plotTop + float64(plotHeight-plotBottom-plotTop)*(1-float64(v)/float64(top))
}

// nice is the next 1, 2 or 5 times a power of ten.
func nice(n int64) int64 {
	for base := int64(1); ; base *= 10 {
		for _, m := range []int64{1, 2, 5} {
			if n <= m*base {
				return m * base
			}
		}
	}
}

// ticks are up to n positions among size, at equal distances.
func ticks(size, n int) []int {
	var out []int
	step := max((size+n-1)/n, 1)
	for i := step / 2; i < size; i += step {
		out = append(out, i)
	}
	return out
}
