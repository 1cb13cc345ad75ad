package main

import (
	"fmt"
	"html/template"
	"os"
	"slices"

	"github.com/google/pprof/profile"
)

// frame is one function in the tree of a flame graph.
type frame struct {
	Name     string
	Value    int64
	children map[string]*frame
}

func (f *frame) child(name string) *frame {
	if f.children == nil {
		f.children = map[string]*frame{}
	}
	c := f.children[name]
	if c == nil {
		c = &frame{Name: name}
		f.children[name] = c
	}
	return c
}

// flameBox is one rectangle: its place in percent of the width, its depth, and how it is labelled.
type flameBox struct {
	Left, Width float64
	Depth       int
	Name, Share string
}

// flameLeast is the smallest share, in percent, that gets a rectangle.
const flameLeast = 0.15

// writeFlameGraph draws a CPU profile as a self-contained page.
func writeFlameGraph(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("open profile: %w", err)
	}
	defer in.Close()
	p, err := profile.Parse(in)
	if err != nil {
		return fmt.Errorf("parse profile: %w", err)
	}
	root := &frame{Name: "all"}
	for _, s := range p.Sample {
		value := s.Value[len(s.Value)-1]
		root.Value += value
		at := root
		for i := len(s.Location) - 1; i >= 0; i-- {
			for j := len(s.Location[i].Line) - 1; j >= 0; j-- {
				at = at.child(s.Location[i].Line[j].Function.Name)
				at.Value += value
			}
		}
	}
	out, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("create flame graph: %w", err)
	}
	defer out.Close()
	return flamePage.Execute(out, boxes(root, root.Value, 0, 0, nil))
}

// boxes lays the tree out, the widest child first.
func boxes(f *frame, total int64, left float64, depth int, into []flameBox) []flameBox {
	if total == 0 {
		return into
	}
	width := 100 * float64(f.Value) / float64(total)
	if width < flameLeast {
		return into
	}
	into = append(into, flameBox{Left: left, Width: width, Depth: depth, Name: f.Name, Share: fmt.Sprintf("%.1f %%", width)})
	var children []*frame
	for _, c := range f.children {
		children = append(children, c)
	}
	slices.SortFunc(children, func(a, b *frame) int { return int(b.Value - a.Value) })
	for _, c := range children {
		into = boxes(c, total, left, depth+1, into)
		left += 100 * float64(c.Value) / float64(total)
	}
	return into
}

var flamePage = template.Must(template.New("flame").Funcs(template.FuncMap{
	"top": func(depth int) int { return depth * 18 },
}).Parse(`<!doctype html><meta charset="utf-8"><title>Flame graph</title>
<style>body{margin:0;font:12px system-ui;position:relative}
div{position:absolute;height:17px;overflow:hidden;white-space:nowrap;background:#f5a65b;border-right:1px solid #fff;box-sizing:border-box;padding:0 2px}
div:hover{background:#f7d08a}</style>
{{range .}}<div style="left:{{.Left}}%;width:{{.Width}}%;top:{{top .Depth}}px" title="{{.Name}} {{.Share}}">{{.Name}}</div>
{{end}}`))
