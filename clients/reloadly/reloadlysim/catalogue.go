package reloadlysim

import (
	"strconv"
	"strings"
)

// country is one that the simulator knows.
type country struct {
	iso, name, continent           string
	currency, currencyName, symbol string
	code                           string // calling code without "+"
	minDigits, maxDigits           int    // of the national number
	trunk                          bool   // a leading 0 may be written
	rate                           string // units of its currency for one USD; assumed
}

var countries = []country{
	{"AE", "United Arab Emirates", "Asia", "AED", "UAE Dirham", "AED", "971", 8, 9, true, "3.6725"},
	{"AF", "Afghanistan", "Asia", "AFN", "Afghan Afghani", "AFN", "93", 9, 9, true, "84"},
	{"BD", "Bangladesh", "Asia", "BDT", "Bangladeshi Taka", "BDT", "880", 10, 10, true, "117.5"},
	{"CO", "Colombia", "South America", "COP", "Colombian Peso", "COP", "57", 10, 10, false, "4100"},
	{"CU", "Cuba", "North America", "CUP", "Cuban Peso", "CUP", "53", 8, 8, false, "25"},
	{"GB", "United Kingdom", "Europe", "GBP", "British Pound", "£", "44", 10, 10, true, "0.8"},
	{"GH", "Ghana", "Africa", "GHS", "Ghanaian Cedi", "GH₵", "233", 9, 9, true, "15.5"},
	{"HT", "Haiti", "North America", "HTG", "Haitian Gourde", "HTG", "509", 8, 8, false, "131"},
	{"IN", "India", "Asia", "INR", "Indian Rupee", "₹", "91", 10, 10, true, "84"},
	{"KE", "Kenya", "Africa", "KES", "Kenyan Shilling", "KSh", "254", 9, 9, true, "129"},
	{"MX", "Mexico", "North America", "MXN", "Mexican Peso", "MX$", "52", 10, 10, false, "20"},
	{"NG", "Nigeria", "Africa", "NGN", "Nigerian Naira", "₦", "234", 10, 10, true, "1500"},
	{"PH", "Philippines", "Asia", "PHP", "Philippine Peso", "₱", "63", 10, 10, true, "58"},
	{"PK", "Pakistan", "Asia", "PKR", "Pakistani Rupee", "PKRs", "92", 10, 10, true, "278"},
	{"SV", "El Salvador", "North America", "USD", "US Dollar", "$", "503", 8, 8, false, "1"},
	{"US", "United States", "North America", "USD", "US Dollar", "$", "1", 10, 10, false, "1"},
	{"ZA", "South Africa", "Africa", "ZAR", "South African Rand", "R", "27", 9, 9, true, "18.5"},
}

// kinds of operator, joined by spaces in the table below.
const (
	kindLocal  = "local" // useLocalAmount is allowed
	kindData   = "data"
	kindBundle = "bundle"
	kindPIN    = "pin"
	kindEmail  = "email"
	kindPlans  = "plans" // geographicalRechargePlans
	kindOff    = "off"   // inactive
	kindFees   = "fees"
)

// slowOperatorID is the one that holds an order for about 52 s and then fails it without a record (measured).
const slowOperatorID = "1213"

// operatorRow is one line of the catalogue. Amounts are in USD: "min-max" is RANGE, a list is FIXED.
type operatorRow struct {
	id       int64
	iso      string
	name     string
	kinds    string
	amounts  string
	discount string // international, percent
	prefixes string // of the national number; "" is never auto-detected
}

var operatorRows = []operatorRow{
	{341, "NG", "MTN Nigeria", kindLocal, "0.1-100", "3", "703 704 706 803 806 810 813 814 816 903 906 913 916"},
	{342, "NG", "Airtel Nigeria", kindLocal, "0.1-100", "2.5", "701 708 802 808 812 901 902 904 907 911 912"},
	{344, "NG", "Glo Nigeria", "", "0.1-100", "4", "705 805 807 811 815 905 915"},
	{646, "NG", "MTN Nigeria Data", kindData, "1,2.5,5,10", "3", ""},
	{150, "GH", "MTN Ghana", kindLocal, "0.5-100", "2", "24 25 53 54 55 59"},
	{152, "GH", "Telecel Ghana", "", "0.5-100", "2", "20 50"},
	{265, "KE", "Safaricom Kenya", kindLocal, "0.1-80", "5", "70 71 72 74 79 11"},
	{266, "KE", "Airtel Kenya", kindLocal, "0.1-80", "5", "73 75 78 10"},
	{200, "IN", "Airtel India", kindPlans, "0.6,1.2,2.5,5", "1", "97 98 99 90"},
	{201, "IN", "Reliance Jio India", kindLocal, "0.2-60", "1", "6 7 8 91 92 93 94 95 96"},
	{202, "IN", "Airtel India Bundles", kindBundle, "3,6", "1", ""},
	{69, "US", "AT&T USA PIN", kindPIN, "15,25,50", "4", ""},
	{70, "US", "T-Mobile USA", "", "10,15,25,50", "6", "2 3 4 5 6 7"},
	{71, "US", "Verizon USA", kindFees, "5-100", "0", "8 9"},
	{535, "GB", "EE PIN England", kindPIN + " " + kindLocal, "6.25-62.5", "2", ""},
	{536, "GB", "O2 England", kindLocal, "1.25-125", "2", "7"},
	{420, "PK", "Jazz Pakistan", kindLocal, "0.2-50", "4", "30 32"},
	{421, "PK", "Telenor Pakistan", kindLocal, "0.2-50", "4", "34"},
	{422, "PK", "Zong Pakistan", "", "1,2,5,10", "4", "31 33"},
	{683, "CU", "Nauta Cuba", kindEmail, "10-50", "3", ""},
	{684, "CU", "Cubacel Cuba", "", "10,20,30", "3", "5 6"},
	{88, "CO", "Movistar Colombia", "", "5-5", "4.42", "315 316 317 318"},
	{89, "CO", "Claro Colombia", kindLocal, "1-50", "4", "310 311 312 313 314 320 321"},
	{1, "AF", "Afghan Wireless Afghanistan", "", "1-50", "10", "70 71"},
	{706, "AF", "Salaam Afghanistan", "", "1-50", "0", "74"},
	{712, "AE", "Etisalat UAE", kindLocal, "2-100", "3", "50 54 56"},
	{713, "AE", "du UAE", kindLocal, "2-100", "3", "52 55 58"},
	{173, "HT", "Digicel Haiti", "", "1-100", "8", "31 34 36 37 38 39"},
	{174, "HT", "Natcom Haiti", "", "1-100", "8", "32 33 35 4"},
	{129, "SV", "Tigo El Salvador", "", "5-50", "7", "7 6"},
	{901, "MX", "Telcel Mexico", kindLocal, "0.5,1,2.5,5,10", "5", "5 6 8"},
	{902, "MX", "Movistar Mexico", "", "1-50", "5", "2 3 4"},
	{770, "BD", "Grameenphone Bangladesh", kindLocal, "0.2-40", "3", "17 13"},
	{771, "BD", "Robi Bangladesh", kindOff, "0.2-40", "3", "18"},
	{880, "PH", "Globe Philippines", kindLocal, "0.2-40", "3", "905 906 915 916 917"},
	{1213, "PH", "Smart Philippines", "", "1-40", "3", "908 918 919 920"},
	{960, "ZA", "Vodacom South Africa", kindLocal, "0.2-60", "2", "71 72 76 79 82"},
	{961, "ZA", "MTN South Africa", kindLocal, "0.2-60", "2", "73 78 83"},
}

// catalogue finds countries and operators.
type catalogue struct {
	countries map[string]country
	operators []*operator
	byID      map[int64]*operator
}

func newCatalogue() *catalogue {
	cat := &catalogue{countries: map[string]country{}, byID: map[int64]*operator{}}
	for _, c := range countries {
		cat.countries[c.iso] = c
	}
	for _, row := range operatorRows {
		op := newOperator(row, cat.countries[row.iso])
		cat.operators = append(cat.operators, op)
		cat.byID[op.id] = op
	}
	return cat
}

// byText finds an operator by the text of its ID.
func (cat *catalogue) byText(id string) *operator {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil
	}
	return cat.byID[n]
}

// detect finds the airtime operator of a number by prefix alone; partial numbers match too.
func (cat *catalogue) detect(number, iso string) *operator {
	national := cat.national(number, iso)
	for _, op := range cat.operators {
		if op.iso != iso || op.inactive {
			continue
		}
		for _, prefix := range op.prefixes {
			if strings.HasPrefix(national, prefix) {
				return op
			}
		}
	}
	return nil
}

// national is a number's digits without calling code and, where the country has one, trunk zero.
func (cat *catalogue) national(number, iso string) string {
	c := cat.countries[iso]
	digits := onlyDigits(number)
	if rest, coded := strings.CutPrefix(digits, c.code); coded && (strings.HasPrefix(number, "+") || len(digits) > c.maxDigits) {
		digits = rest
	}
	if c.trunk {
		digits = strings.TrimPrefix(digits, "0")
	}
	return digits
}

// international turns a number of a country into international digits; false if it cannot be one of that country.
func (cat *catalogue) international(number, iso string) (string, bool) {
	c, known := cat.countries[strings.ToUpper(iso)]
	if !known || strings.Trim(number, "+0123456789 -") != "" {
		return "", false
	}
	national := cat.national(strings.TrimSpace(number), c.iso)
	if len(national) < c.minDigits || len(national) > c.maxDigits || strings.HasPrefix(national, "0") {
		return "", false
	}
	return c.code + national, true
}

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}
