package ops

import "github.com/chromedp/cdproto/runtime"

// awaited makes a script's promise be waited for.
func awaited(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
