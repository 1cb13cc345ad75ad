package mutants

// The tests that more than one mutant names.
var (
	answers    = Test{Package: "workers", Name: "TestAnswersToThePayingCall"}
	durability = Test{Package: "topup/redisstore", Name: "TestDurability"}
	lives      = Test{Package: "topup", Name: "TestNeverFailsWhatIsBooked"}
)

// conformance is the suite that every adapter passes against its simulator.
func conformance(provider string) Test {
	return Test{Package: "clients", Name: "TestConformance", Part: provider + " by"}
}

// All are the mutants, in the order in which reliability is promised: the store, the paying call, the answers, the
// ledger, the callbacks.
func All() []Mutant {
	return append(append(storeMutants(), answerMutants()...), ledgerMutants()...)
}

func storeMutants() []Mutant {
	return []Mutant{
		{"AOF everysec", []Way{
			{
				Where: "Redis' setting", Env: []string{"TOPUPQ_TEST_POWERCUT=1", "TOPUPQ_TEST_POWERCUT_FSYNC=everysec"},
				By: Test{Package: "e2e", Name: "TestPowerCutLosesNothing"},
			},
			{
				Where: "allowed at start", By: durability,
				Changes: []Change{{"topup/redisstore/durability.go",
					`return have == "always" || (have == "everysec" && want == DurabilityEverySec)`,
					`return have == "always" || have == "everysec"`}},
			},
		}},
		{"evicting maxmemory-policy", []Way{
			{
				Where: "Redis' setting", Env: []string{"TOPUPQ_TEST_FULL_POLICY=allkeys-lru"},
				By: Test{Package: "e2e", Name: "TestFullRedisForgetsNothing"},
			},
			{
				Where: "allowed at start", By: durability,
				Changes: []Change{{"topup/redisstore/durability.go", `policy != "noeviction" {`, `policy == "" {`}},
			},
		}},
	}
}

func answerMutants() []Mutant {
	return []Mutant{
		{"5xx read as failed", []Way{
			{Where: "reloadly", By: conformance("reloadly"), Changes: []Change{{"clients/reloadly_status.go",
				"e.Status >= 500:\n\t\treturn reloadlyPerhaps",
				"e.Status >= 500:\n\t\treturn reloadlyMeaning{answer: topup.Refused, code: topup.CodeProviderFailed, message: \"Failed.\"}"}}},
			{Where: "aat", By: conformance("aat"), Changes: []Change{{"clients/aat_status.go",
				`Answer: topup.Unclear, Code: topup.CodeProviderError, Message: "AAT answered with an error; whether`,
				`Answer: topup.Refused, Code: topup.CodeProviderFailed, Message: "AAT answered with an error; whether`}}},
			{Where: "rechargekit", By: conformance("rechargekit"), Changes: []Change{{"clients/rechargekit_status.go",
				`out := topup.Outcome{Code: topup.CodeProviderError, Message: "The provider answered with an error`,
				`out := topup.Outcome{Answer: topup.Refused, Code: topup.CodeProviderFailed, Message: "The provider answered with an error`}}},
		}},
		{"garbled answer read as failed", []Way{{Where: "all providers", By: conformance("aat"), Changes: []Change{{"clients/outcome.go",
			"Answer: topup.Unclear, Code: topup.CodeAnswerUnreadable, ProviderCode: cut(providerCode),",
			"Answer: topup.Refused, Code: topup.CodeProviderFailed, ProviderCode: cut(providerCode),"}}}}},
		{"duplicate read as failed", duplicateRead("topup.Refused", "fail(ActorWorker, CodeDuplicateReference, o, now)")},
		{"duplicate read as succeeded", duplicateRead("topup.Delivered", "succeed(p, ActorWorker, o, now)")},
		{"first not-found read as failed", []Way{
			{Where: "found by one life", By: Test{Package: "workers", Name: "TestLostWorker"}, Changes: firstNotFound()},
			{Where: "found by random lives", By: lives, Changes: firstNotFound()},
		}},
		{"unknown sent again at once", []Way{
			{Where: "found by the table of answers", By: answers, Changes: sentAgain()},
			{Where: "found by replays", By: Test{Package: "workers", Name: "TestRunAgainInEveryState"}, Changes: sentAgain()},
		}},
		{"paying by GET on kept connections", []Way{
			{Where: "found by the client", By: Test{Package: "clients/aat", Name: "TestPayingByGetIsSentOnce"}, Changes: keptConnections()},
			{Where: "found by the simulator", By: Test{Package: "clients", Name: "TestAATKeptConnectionPaysOnce"}, Changes: keptConnections()},
		}},
	}
}

// duplicateRead takes "I know this reference" for an outcome, in the adapters and in the domain.
func duplicateRead(as, move string) []Way {
	return []Way{
		{Where: "reloadly", By: conformance("reloadly"), Changes: []Change{{"clients/reloadly_status.go",
			"reloadly.CodeCustomIdentifierAlreadyUsed: {topup.Duplicate,", "reloadly.CodeCustomIdentifierAlreadyUsed: {" + as + ","}}},
		{Where: "aat", By: conformance("aat"), Changes: []Change{{"clients/aat_status.go",
			"Answer: topup.Duplicate, Code: topup.CodeDuplicateReference,", "Answer: " + as + ", Code: topup.CodeDuplicateReference,"}}},
		{Where: "rechargekit", By: conformance("rechargekit"), Changes: []Change{{"clients/rechargekit_status.go",
			"Answer: topup.Duplicate, Code: topup.CodeDuplicateReference,", "Answer: " + as + ", Code: topup.CodeDuplicateReference,"}}},
		{Where: "the ledger", By: answers, Changes: []Change{{"topup/settle.go",
			"\tcase Mismatch:\n\t\treturn t.settleMismatch(p, o, now)",
			"\tcase Duplicate:\n\t\treturn t." + move + "\n\tcase Mismatch:\n\t\treturn t.settleMismatch(p, o, now)"}}},
	}
}

func firstNotFound() []Change {
	return []Change{{"topup/check.go",
		"\tt.Absences++\n\tif t.Absences < 2 || now.Before(p.absenceFinal(t)) {\n\t\treturn t.stayOpen(p, o, now)\n\t}\n\treturn t.proveAbsent(p, o, now)",
		"\tt.Absences++\n\treturn t.fail(ActorCheck, CodeNotFoundAtProvider, o, now)"}}
}

func sentAgain() []Change {
	return []Change{{"topup/settle.go",
		"return t.open(Unknown, p, ActorWorker, code, o, now)\n}\n\n// settleMismatch",
		"t.DueAt = now\n\treturn t.move(Accepted, now, t.by(ActorWorker, o))\n}\n\n// settleMismatch"}}
}

func keptConnections() []Change {
	return []Change{{"clients/aat/client.go", "KeepAlive: cfg.Method == http.MethodPost,", "KeepAlive: true,"}}
}
