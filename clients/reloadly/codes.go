package reloadly

// Values of errorCode, as far as documents and recordings know them. The list is open.
const (
	CodeTokenExpired       = "TOKEN_EXPIRED"
	CodeInvalidToken       = "INVALID_TOKEN"
	CodeMissingToken       = "MISSING_TOKEN"
	CodeInvalidCredentials = "INVALID_CREDENTIALS"
	CodeInvalidAudience    = "INVALID_AUDIENCE"
	CodeInactiveAccount    = "INACTIVE_ACCOUNT"
	CodeAccountNotFound    = "ACCOUNT_NOT_FOUND"

	CodeInvalidInput                 = "INVALID_INPUT_PROVIDED"
	CodeInvalidRecipientPhone        = "INVALID_RECIPIENT_PHONE"
	CodeInvalidSenderPhone           = "INVALID_SENDER_PHONE"
	CodeInvalidPhoneNumber           = "INVALID_PHONE_NUMBER"
	CodeOperatorMismatch             = "OPERATOR_AND_RECIPIENT_PHONE_MISMATCH"
	CodeInvalidAmount                = "INVALID_AMOUNT"
	CodeInvalidAmountForOperator     = "INVALID_AMOUNT_FOR_OPERATOR"
	CodeInvalidLocalAmount           = "INVALID_LOCAL_AMOUNT_FOR_OPERATOR"
	CodeLocalAmountsNotSupported     = "LOCAL_AMOUNTS_NOT_SUPPORTED_BY_OPERATOR"
	CodeInvalidAmountForRecipient    = "INVALID_AMOUNT_FOR_RECIPIENT_PHONE"
	CodeCouldNotAutoDetect           = "COULD_NOT_AUTO_DETECT_OPERATOR"
	CodeCountryNotSupported          = "COUNTRY_NOT_SUPPORTED"
	CodeTransactionNotFound          = "TRANSACTION_NOT_FOUND"
	CodeCustomIdentifierAlreadyUsed  = "CUSTOM_IDENTIFIER_ALREADY_USED"
	CodeInsufficientBalance          = "INSUFFICIENT_BALANCE"
	CodeMaxDailyCount                = "MAX_DAILY_TRANSACTION_COUNT_REACHED"
	CodeMaxDailyAmount               = "MAX_DAILY_TRANSACTION_AMOUNT_REACHED"
	CodePhoneRecentlyRecharged       = "PHONE_RECENTLY_RECHARGED"
	CodeRecipientHasPending          = "RECIPIENT_HAS_PENDING_TRANSACTION"
	CodeOperatorUnavailable          = "OPERATOR_UNAVAILABLE_OR_CURRENTLY_INACTIVE"
	CodeOperatorNotInService         = "OPERATOR_NOT_IN_SERVICE"
	CodeServiceToOperatorUnavailable = "SERVICE_TO_OPERATOR_TEMPORARILY_UNAVAILABLE"

	CodeConnectionToOperatorDown   = "CONNECTION_TO_OPERATOR_TEMPORARILY_DOWN"
	CodeConnectionToOperatorFailed = "CONNECTION_TO_OPERATOR_FAILED"
	CodeCannotBeProcessedNow       = "TRANSACTION_CANNOT_BE_PROCESSED_AT_THE_MOMENT"
	CodeTopupTransactionFailed     = "TOPUP_TRANSACTION_FAILED"
	CodeFailedOnOperator           = "TRANSACTION_FAILED_ON_OPERATOR"
	CodeProviderInternalError      = "PROVIDER_INTERNAL_ERROR"
	CodeRequestFailedOnProvider    = "REQUEST_FAILED_ON_PROVIDER"
	CodeRequestProcessingFailed    = "REQUEST_PROCESSING_FAILED"
	CodeUnmappedProviderError      = "UNMAPPED_PROVIDER_ERROR_CODE"

	CodeRejectedByOperator  = "TRANSACTION_REJECTED_BY_OPERATOR"
	CodeRefusedByOperator   = "TRANSACTION_REFUSED_BY_OPERATOR"
	CodeRecipientReachedMax = "RECIPIENT_REACHED_MAX_TOPUP_NUMBER"
	CodePhoneBanned         = "PHONE_BANNED_BY_OPERATOR"
	CodeRecipientInactive   = "RECIPIENT_PHONE_INACTIVE"
	CodeFXRateNotAvailable  = "FX_RATE_NOT_AVAILABLE"
)

// Words of Transaction.Status. Any other word is to be taken for Processing.
const (
	StatusProcessing = "PROCESSING"
	StatusSuccessful = "SUCCESSFUL"
	StatusRefunded   = "REFUNDED"
	StatusFailed     = "FAILED"
)
