/// Dates in HTTP headers, to the second (RFC 9110 §5.6.7), without calendars or locales.
public enum HTTPDate {
    private static let days: [StaticString] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months: [StaticString] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// The last second of the year 9999, the last that the form has room for.
    public static let latest: UInt64 = 253_402_300_799

    /// IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`.
    public static func text(unixSeconds: UInt64) -> String {
        let seconds = Int(min(unixSeconds, latest))
        let (day, rest) = seconds.quotientAndRemainder(dividingBy: 86_400)
        let date = civil(day: day)
        return String(unsafeUninitializedCapacity: 29) { text in
            var count = 0
            func put(_ static: StaticString) {
                for offset in 0..<`static`.utf8CodeUnitCount { text[count + offset] = `static`.utf8Start[offset] }
                count += `static`.utf8CodeUnitCount
            }
            func put(_ number: Int, digits: Int) {
                var rest = number
                for offset in (0..<digits).reversed() {
                    text[count + offset] = UInt8(ascii: "0") + UInt8(rest % 10)
                    rest /= 10
                }
                count += digits
            }
            put(days[(day + 4) % 7])
            put(", ")
            put(date.day, digits: 2)
            put(" ")
            put(months[date.month - 1])
            put(" ")
            put(date.year, digits: 4)
            put(" ")
            put(rest / 3600, digits: 2)
            put(":")
            put(rest / 60 % 60, digits: 2)
            put(":")
            put(rest % 60, digits: 2)
            put(" GMT")
            return count
        }
    }

    /// Unix seconds. All three forms that RFC 9110 asks a recipient to take; nil for anything else and for dates before
    /// 1970: a header with such a date counts as absent.
    ///
    /// - Parameter now: Unix seconds, to tell the century of the form that has two digits for the year.
    public static func unixSeconds(_ text: String, now: UInt64) -> UInt64? {
        let words = text.split(whereSeparator: { $0 == " " || $0 == "," || $0 == "-" })
        switch words.count {
        // Sun, 06 Nov 1994 08:49:37 GMT, or Sunday, 06-Nov-94 08:49:37 GMT
        case 6 where words[5] == "GMT":
            guard let year = number(words[3]), let time = time(words[4]), let day = number(words[1]) else { return nil }
            let isShort = words[3].utf8.count == 2
            guard isShort || words[3].utf8.count == 4 else { return nil }
            return seconds(isShort ? century(of: year, now: now) : year, words[2], day, time)
        // Sun Nov  6 08:49:37 1994
        case 5:
            guard let year = number(words[4]), words[4].utf8.count == 4, let time = time(words[3]),
                let day = number(words[2])
            else { return nil }
            return seconds(year, words[1], day, time)
        default: return nil
        }
    }

    /// A two-digit year that seems more than 50 years ahead is of the century before.
    private static func century(of year: Int, now: UInt64) -> Int {
        let present = civil(day: Int(min(now, latest)) / 86_400).year
        let guess = present / 100 * 100 + year
        return guess > present + 50 ? guess - 100 : guess
    }

    private static func seconds(_ year: Int, _ month: Substring, _ day: Int, _ time: Int) -> UInt64? {
        guard let month = months.firstIndex(where: { $0.description == month }), year >= 1970, day >= 1 else {
            return nil
        }
        let number = dayNumber(year: year, month: month + 1, day: day)
        // A day that the month does not have would come back as one of the next.
        guard civil(day: number) == (year, month + 1, day) else { return nil }
        return UInt64(number * 86_400 + time)
    }

    /// `08:49:37`; a leap second counts as the one before.
    private static func time(_ text: Substring) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, parts.allSatisfy({ $0.utf8.count == 2 }), let hour = number(parts[0]),
            let minute = number(parts[1]), let second = number(parts[2]), hour < 24, minute < 60, second <= 60
        else { return nil }
        return hour * 3600 + minute * 60 + min(second, 59)
    }

    private static func number(_ text: Substring) -> Int? {
        guard text.utf8.count <= 4, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(text)
    }

    /// Days since 1970-01-01 to a date of the Gregorian calendar; years begin in March, so that the odd day is the
    /// last.
    private static func civil(day: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = day + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        return (
            yearOfEra + era * 400 + (month >= 10 ? 1 : 0), month < 10 ? month + 3 : month - 9,
            dayOfYear - (153 * month + 2) / 5 + 1
        )
    }

    private static func dayNumber(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted % 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}
