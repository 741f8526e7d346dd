// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import Glibc

extension [UInt8] {
    /// Calls `body` with every line, without its line feed.
    func forEachLine(_ body: (ArraySlice<UInt8>) -> Void) {
        var start = 0
        while start < count {
            let end = withUnsafeBytes { bytes -> Int in
                guard let base = bytes.baseAddress, let found = memchr(base + start, 10, bytes.count - start) else {
                    return bytes.count
                }
                return UnsafeRawPointer(found) - base
            }
            body(self[start..<end])
            start = end + 1
        }
    }
}

extension ArraySlice<UInt8> {
    /// The value of the line `NAME: VALUE` without blanks around it; `nil` when the line is of another field.
    ///
    /// The case of the name does not matter.
    func field(_ name: StaticString) -> ArraySlice<UInt8>? {
        let length = name.utf8CodeUnitCount
        guard count > length, self[startIndex + length] == UInt8(ascii: ":") else { return nil }
        for index in 0..<length where self[startIndex + index] | 0x20 != name.utf8Start[index] | 0x20 { return nil }
        var value = self[(startIndex + length + 1)...]
        while let first = value.first, first == 32 || first == 9 { value = value.dropFirst() }
        while let last = value.last, last == 32 || last == 9 || last == 13 { value = value.dropLast() }
        return value
    }

    /// The text, if it is not empty, not too long, and all of it is printable.
    func printableText(longest: Int, allowingSpaces: Bool = false) -> String? {
        guard !isEmpty, count <= longest, allSatisfy({ ($0 > 32 || $0 == 32 && allowingSpaces) && $0 != 127 }) else {
            return nil
        }
        return String(validating: self, as: UTF8.self)
    }
}

extension PackageURL {
    /// The URL of a distribution's package: the namespace is the distribution, and `upstream` the source package where
    /// it has another name or version.
    init(distribution: Distribution?, type: String, fallback: String, _ package: FoundPackage) {
        var qualifiers: [String: String] = [:]
        if let architecture = package.architecture { qualifiers["arch"] = architecture }
        if let distribution {
            qualifiers["distro"] = distribution.id + (distribution.version.map { "-" + $0 } ?? "")
        }
        if let source = package.sourceName {
            let version = package.sourceVersion ?? package.version
            if version != package.version {
                qualifiers["upstream"] = "\(source)@\(version)"
            } else if source != package.name {
                qualifiers["upstream"] = source
            }
        }
        self.init(
            type: type, namespace: distribution?.id ?? fallback, name: package.name, version: package.version,
            qualifiers: qualifiers)
    }
}
