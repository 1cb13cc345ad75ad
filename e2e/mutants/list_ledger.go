package mutants

func ledgerMutants() []Mutant {
	return []Mutant{
		{"intent written after the call", []Way{{Where: "worker", By: Test{Package: "workers", Name: "TestParallelJobsSendOnce"}, Changes: []Change{{"workers/submit.go",
			"\tclaimed, token, deadline, err := s.through(ctx, t, route, w, recovered)\n\tif err != nil || claimed == nil {\n\t\treturn errors.Join(err, s.gate.giveBack(ctx, provider, w.probe))\n\t}\n\to := s.pay(ctx, claimed, route, deadline)\n",
			"\to := s.pay(ctx, t, route, time.Now().Add(route.Policy.Timeout))\n\tclaimed, token, _, err := s.through(ctx, t, route, w, recovered)\n\tif err != nil || claimed == nil {\n\t\treturn errors.Join(err, s.gate.giveBack(ctx, provider, w.probe))\n\t}\n"}}}}},
		{"asynq's default retries on the paying job", []Way{{Where: "all jobs", By: Test{Package: "jobs", Name: "TestEveryTaskBoundsItself"}, Changes: []Change{{"jobs/jobs.go",
			"asynq.MaxRetry(maxRetry), ", ""}}}}},
		{"no fence on the result write", []Way{
			{Where: "claim not compared", By: Test{Package: "workers", Name: "TestAnswerUnderALostClaim"}, Changes: []Change{{"topup/settle.go",
				"if t.State != Submitting || t.Claim != token {", "if t.State != Submitting {"}}},
			{Where: "state and revision not compared", By: Test{Package: "topup/redisstore", Name: "TestEmbeddedRedis"}, Changes: []Change{{"topup/redisstore/scripts.go",
				"  elseif string.sub(h, 2, 6) ~= ARGV[a] then out[i] = 0\n", ""}}},
		}},
		{"callback before the state is committed", []Way{{Where: "worker", By: Test{Package: "workers", Name: "TestNobodyIsToldBeforeTheLedgerKnows"}, Changes: []Change{{"workers/submit.go",
			"\tbefore, next, err := s.recordAnswer(patience, t, a)\n",
			"\tearly := *t\n\tif early.RecordSend(s.Routes[a.Provider].Policy, a.Claim, a.Outcome, s.Now()) == nil {\n\t\ts.Config.after(ctx, t, &early)\n\t}\n" +
				"\tbefore, next, err := s.recordAnswer(patience, t, a)\n"}}}}},
		{"new webhook-id per attempt", []Way{{Where: "sender", By: Test{Package: "workers", Name: "TestScheduleOf75Hours"}, Changes: []Change{{"workers/callback_send.go",
			"topup.CallbackID(tn.id, d.callback.Version)", "topup.CallbackID(tn.id, d.callback.Version+1000*len(d.callback.Attempts))"}}}}},
		{"reference not scoped by merchant", []Way{{Where: "identity", By: Test{Package: "intake", Name: "TestTenancy"}, Changes: []Change{{"topup/id.go",
			"\th.Write([]byte(merchant))\n", ""}}}}},
	}
}
