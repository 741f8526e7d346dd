// SPDX-License-Identifier: Apache-2.0

/// One challenge of a `WWW-Authenticate` header field: how a server wants to be asked again.
///
/// <https://www.rfc-editor.org/rfc/rfc9110.html#section-11.6.1>
public struct AuthenticationChallenge: Sendable, Hashable {
    /// The scheme in lower case: `bearer`, `basic`.
    public let scheme: String
    /// The parameters, names in lower case; of a name given twice the first value.
    public let parameters: [String: String]

    /// Makes a challenge of its parts.
    public init(scheme: String, parameters: [String: String]) {
        self.scheme = scheme
        self.parameters = parameters
    }

    /// Reads every challenge of a field's value, in order, and stops at the first thing that is none.
    ///
    /// Commas separate both challenges and parameters: a token that no equals sign follows begins a new challenge. At
    /// most 8 KiB are looked at.
    public static func parse(_ value: String) -> [AuthenticationChallenge] {
        var scanner = ChallengeScanner(bytes: Array(value.utf8.prefix(8192)))
        return scanner.challenges()
    }
}

/// Walks over a field's value.
private struct ChallengeScanner {
    let bytes: [UInt8]
    var place = 0

    mutating func challenges() -> [AuthenticationChallenge] {
        var found: [AuthenticationChallenge] = []
        skipSeparators()
        while let scheme = token() {
            var parameters: [String: String] = [:]
            while true {
                skipSeparators()
                let before = place
                guard let name = token(), skipEquals(), let value = quoted() ?? token() else {
                    place = before
                    break
                }
                if parameters[name.lowercased()] == nil { parameters[name.lowercased()] = value }
            }
            found.append(AuthenticationChallenge(scheme: scheme.lowercased(), parameters: parameters))
        }
        return found
    }

    private var current: UInt8? { place < bytes.count ? bytes[place] : nil }

    private mutating func skipSeparators() {
        while let byte = current, byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: ",") {
            place += 1
        }
    }

    private mutating func skipSpaces() {
        while let byte = current, byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { place += 1 }
    }

    private mutating func skipEquals() -> Bool {
        skipSpaces()
        guard current == UInt8(ascii: "=") else { return false }
        place += 1
        skipSpaces()
        return true
    }

    private mutating func token() -> String? {
        let start = place
        while let byte = current, Self.isToken(byte) { place += 1 }
        return place > start ? String(decoding: bytes[start..<place], as: UTF8.self) : nil
    }

    private mutating func quoted() -> String? {
        guard current == UInt8(ascii: "\"") else { return nil }
        var text: [UInt8] = []
        var ahead = place + 1
        while ahead < bytes.count {
            switch bytes[ahead] {
            case UInt8(ascii: "\""):
                place = ahead + 1
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\") where ahead + 1 < bytes.count:
                text.append(bytes[ahead + 1])
                ahead += 2
            default:
                text.append(bytes[ahead])
                ahead += 1
            }
        }
        return nil
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~:/".utf8.contains(byte)
        }
    }
}
