// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
public import Logging
import Synchronization

/// Writes log lines to standard error, as text for people or as JSON for collectors, one line an event.
public struct ServerLogHandler: LogHandler {
    /// What every line carries.
    public var metadata: Logger.Metadata = [:]
    /// The least important level that is written.
    public var logLevel: Logger.Level

    private let label: String
    private let json: Bool

    /// Makes a handler.
    public init(label: String, level: Logger.Level, json: Bool) {
        self.label = label
        self.logLevel = level
        self.json = json
    }

    /// The metadata value of a key.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one line.
    public func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        let time = Date().formatted(
            .iso8601.year().month().day().time(includingFractionalSeconds: true).timeZone(separator: .omitted))
        var line: String
        if json {
            var fields: [String: String] = all.mapValues { "\($0)" }
            fields["time"] = time
            fields["level"] = event.level.rawValue
            fields["logger"] = label
            fields["message"] = "\(event.message)"
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            guard let bytes = try? encoder.encode(fields) else { return }
            line = String(decoding: bytes, as: UTF8.self)
        } else {
            line = "\(time) \(event.level.rawValue.uppercased()) \(event.message)"
            for (key, value) in all.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(Self.quoted("\(value)"))" }
        }
        line += "\n"
        // One write a line, so that lines of two threads are not mixed; a log that cannot be written is lost.
        var bytes = Array(line.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
            guard written > 0 else { return }
            bytes = bytes.dropFirst(written)
        }
    }

    private static func quoted(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x22 || $0 == 0x3D }) else { return text }
        return "\"" + text.map { $0 == "\"" ? "\\\"" : $0 == "\n" ? "\\n" : String($0) }.joined() + "\""
    }
}
