package config

import (
	"errors"
	"strings"
	"time"
)

// Day is what is done at the end of days.
type Day struct {
	// Learn lets the times that top-ups take decide when they are asked about early.
	Learn bool
	// Archive is where closed days are kept: a directory, or s3://bucket/prefix?endpoint=host; "" for nowhere.
	Archive string
	// ArchiveAccessKey and ArchiveSecretKey are for S3.
	ArchiveAccessKey, ArchiveSecretKey Secret
	// Keep is how long closed top-ups stay in the ledger, where there is an archive.
	Keep time.Duration
	// CloseAfter is how long after its end a day is closed.
	CloseAfter time.Duration
	// BalanceHours is how long a provider's balance is to last before there is an alarm.
	BalanceHours int
}

func daySettings(c *Config) []setting {
	return []setting{
		define("check", "learn", "true", yesNo(&c.Day.Learn), "Lets the times that a mobile operator's top-ups are seen to take decide when one is asked about early, never before the first nor after the last delay of TOPUPQ_CHECK_EARLY. false keeps to these delays."),
		define("", "close_after", "30m", duration(&c.Day.CloseAfter, 0, 12*time.Hour), "How long after the end of a provider's day it is closed: its report is made, its books are compared with the provider's, and it is archived."),
		define("", "archive", "", archiveAddress(&c.Day.Archive), "Where closed days are archived, one file a provider and day: a directory, or s3://bucket/prefix?endpoint=host&region=name for any store that speaks S3. Not set: nothing is archived, and nothing ever leaves the ledger."),
		defineSecret("archive", "access_key", "", secretText(&c.Day.ArchiveAccessKey), "Access key of the archive in S3."),
		defineSecret("archive", "secret_key", "", secretText(&c.Day.ArchiveSecretKey), "Secret key of the archive in S3."),
		define("", "keep", "840h", duration(&c.Day.Keep, day, 10*365*day), "How long closed top-ups stay in the ledger after their day; then they leave it for the archive, and their references stay taken for ever."),
		define("alarm", "balance_hours", "12", number(&c.Day.BalanceHours, 1, 24*30), "Alarm when a provider's balance would last for less than so many hours at the rate of the last day."),
	}
}

// archiveAddress takes a directory, or an address of S3 that names a bucket.
func archiveAddress(to *string) binding {
	return func(v value) error {
		if rest, s3 := strings.CutPrefix(v.text, "s3://"); s3 && (rest == "" || rest[0] == '/' || rest[0] == '?') {
			return errors.New("the bucket is missing: write a directory, or s3://bucket/prefix?endpoint=host")
		}
		*to = v.text
		return nil
	}
}
