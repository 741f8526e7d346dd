// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// The assignments of an os-release file (https://www.freedesktop.org/software/systemd/man/latest/os-release.html).
public struct OSRelease: Sendable, Hashable {
    /// The assignments; the last of a name counts.
    public let values: [String: String]

    static let files = ["etc/os-release", "usr/lib/os-release", "etc/alpine-release", "etc/debian_version"]
    static let largestFile = 64 << 10

    /// Reads a file; lines that are no assignments are passed over, as the shell's rules for the file ask.
    public init(_ bytes: some Collection<UInt8>) {
        var values: [String: String] = [:]
        for line in bytes.split(whereSeparator: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) {
            let trimmed = line.drop { $0 == 32 || $0 == 9 }
            guard let equals = trimmed.firstIndex(of: UInt8(ascii: "=")), equals != trimmed.startIndex else { continue }
            let name = trimmed[..<equals]
            guard name.allSatisfy({ Self.isNameByte($0) }) else { continue }
            let value = Self.unquoted(trimmed[trimmed.index(after: equals)...])
            values[String(decoding: name, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
        }
        self.values = values
    }

    /// The distribution that the file names; `linux` where it has no `ID`, as the standard says.
    public var distribution: Distribution {
        func value(_ name: String) -> String? {
            guard let value = values[name], !value.isEmpty else { return nil }
            return value
        }
        return Distribution(
            id: value("ID")?.lowercased() ?? "linux", version: value("VERSION_ID"),
            codename: value("VERSION_CODENAME"),
            idLike: (value("ID_LIKE") ?? "").split(separator: " ").map(String.init), name: value("PRETTY_NAME"))
    }

    /// The distribution of a root whose files `read` returns: os-release in `/etc`, then in `/usr/lib`, then the files
    /// that Alpine and Debian had before it.
    static func distribution(reading read: (String) -> [UInt8]?) -> Distribution? {
        func line(_ file: String) -> String? {
            guard let bytes = read(file) else { return nil }
            let text = bytes.prefix { $0 != UInt8(ascii: "\n") }.prefix(128)
            let line = String(decoding: text.filter { $0 > 32 && $0 < 127 }, as: UTF8.self)
            return line.isEmpty ? nil : line
        }
        // `12.5` belongs to release 12; `trixie/sid` has no number yet.
        func debianRelease() -> String? {
            guard let number = line("etc/debian_version")?.split(separator: ".").first else { return nil }
            return number.allSatisfy(\.isNumber) ? String(number) : nil
        }
        if let bytes = read("etc/os-release") ?? read("usr/lib/os-release") {
            let stated = OSRelease(bytes).distribution
            guard stated.id == "debian", stated.version == nil, let release = debianRelease() else { return stated }
            return Distribution(
                id: stated.id, version: release, codename: stated.codename, idLike: stated.idLike, name: stated.name)
        }
        if let version = line("etc/alpine-release") { return Distribution(id: "alpine", version: version) }
        if let text = line("etc/debian_version") {
            let codename = text.split(separator: "/").first.map(String.init)
            return Distribution(
                id: "debian", version: debianRelease(), codename: debianRelease() == nil ? codename : nil)
        }
        return nil
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// Takes off quotes as the shell does, up to the first blank outside of them.
    private static func unquoted(_ text: some Collection<UInt8>) -> [UInt8] {
        var value: [UInt8] = []
        var quote: UInt8?
        var isEscaped = false
        for byte in text {
            if isEscaped {
                // Inside double quotes a backslash is itself before anything but these.
                if quote == UInt8(ascii: "\""), !"\"\\$`".utf8.contains(byte) { value.append(UInt8(ascii: "\\")) }
                value.append(byte)
                isEscaped = false
            } else if byte == UInt8(ascii: "\\"), quote != UInt8(ascii: "'") {
                isEscaped = true
            } else if let open = quote {
                if byte == open { quote = nil } else { value.append(byte) }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
            } else if byte == 32 || byte == 9 {
                break
            } else {
                value.append(byte)
            }
        }
        return value
    }
}
