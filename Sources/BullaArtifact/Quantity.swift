// SPDX-License-Identifier: Apache-2.0

/// Readers of the quantities that people write on a command line: sizes, times and yes or no.
public enum Quantity {
    /// Reads a number of bytes: digits and one of `B`, `K`, `KB`, `KiB`, `M`, `MB`, `MiB`, `G`, `GB`, `GiB`, `T`, `TB`,
    /// `TiB`.
    ///
    /// Units with an `i`, and single letters, are powers of 1,024, the others powers of 1,000.
    ///
    /// - Throws: `invalidArgument` for anything else, and for what does not fit.
    public static func bytes(_ text: String) throws(BullaError) -> Int64 {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let factor: Int64? =
            switch text.dropFirst(digits.count) {
            case "", "B": 1
            case "K", "KiB": 1 << 10
            case "M", "MiB": 1 << 20
            case "G", "GiB": 1 << 30
            case "T", "TiB": 1 << 40
            case "KB": 1_000
            case "MB": 1_000_000
            case "GB": 1_000_000_000
            case "TB": 1_000_000_000_000
            default: nil
            }
        guard let number = Int64(digits), let factor else {
            throw BullaError(.invalidArgument, "'\(text.prefix(40))' is not a size such as 512MiB or 10GiB")
        }
        let (value, overflow) = number.multipliedReportingOverflow(by: factor)
        guard !overflow, value > 0 else {
            throw BullaError(.invalidArgument, "'\(text.prefix(40))' is not a size that is possible")
        }
        return value
    }

    /// Reads a duration in seconds: `0`, or numbers with units (`ms`, `s`, `m`, `h`, `d`), as `1h30m`.
    ///
    /// - Throws: `invalidArgument` for anything else.
    public static func seconds(_ text: String) throws(BullaError) -> Double {
        if text == "0" { return 0 }
        let malformed = BullaError(.invalidArgument, "'\(text.prefix(40))' is not a duration such as 90s, 5m or 24h")
        var rest = Substring(text)
        var total = 0.0
        guard !rest.isEmpty else { throw malformed }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard let number = Double(digits), number < 1e9 else { throw malformed }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            switch unit {
            case "ms": total += number / 1000
            case "s": total += number
            case "m": total += number * 60
            case "h": total += number * 3600
            case "d": total += number * 86400
            default: throw malformed
            }
        }
        return total
    }

    /// Reads yes or no.
    ///
    /// - Throws: `invalidArgument` for anything but `true`, `yes`, `1`, `false`, `no`, `0`.
    public static func flag(_ text: String) throws(BullaError) -> Bool {
        switch text.lowercased() {
        case "true", "yes", "1": true
        case "false", "no", "0": false
        default: throw BullaError(.invalidArgument, "'\(text.prefix(40))' is neither true nor false")
        }
    }
}
