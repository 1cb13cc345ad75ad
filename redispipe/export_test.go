package redispipe

// Most is the number of pipelines under way at once, QuietFor how long a queue counts as empty.
const (
	Most     = most
	QuietFor = quietFor
)

// Waiting is how many commands wait for a pipeline, UnderWay how many pipelines are under way.
func Waiting(p *Pipe) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting)
}

func UnderWay(p *Pipe) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.flying
}
