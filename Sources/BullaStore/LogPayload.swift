// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaGrafeas
import GrafeasMessages

/// What a log entry about a record says: its kind and revision, what it is about, and the hash of its body.
///
/// The body itself stays with the record and its revisions; the hash lets anyone check that it is the one logged.
struct LogPayload {
    private var fields: [(name: String, value: String)] = []

    init(kind: Int, revision: Int64, body: [UInt8]? = nil) {
        let name = Grafeas_V1_NoteKind(rawValue: kind)?.name ?? String(kind)
        fields = [("kind", Self.quoted(name)), ("revision", String(revision))]
        if let body { fields.append(("body", Self.quoted(Digest(of: body).description))) }
    }

    init(_ occurrence: OccurrenceRecord, revision: Int64) {
        self.init(kind: occurrence.kind, revision: revision, body: occurrence.body)
        fields.append(("note", Self.quoted(occurrence.note.description)))
        fields.append(("resource", Self.quoted(occurrence.resourceURI)))
    }

    init(_ fields: [(name: String, value: String?)]) {
        for field in fields {
            if let value = field.value { self.fields.append((field.name, Self.quoted(value))) }
        }
    }

    /// The payload as a JSON object, its fields in a fixed order.
    var json: [UInt8] {
        let pairs = fields.map { "\"\($0.name)\":\($0.value)" }
        return Array("{\(pairs.joined(separator: ","))}".utf8)
    }

    /// A JSON string (https://www.rfc-editor.org/rfc/rfc8259#section-7).
    private static func quoted(_ text: String) -> String {
        var quoted: [UInt8] = [UInt8(ascii: "\"")]
        quoted.reserveCapacity(text.utf8.count + 2)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                quoted.append(UInt8(ascii: "\\"))
                quoted.append(byte)
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                quoted.append(contentsOf: "\\u00".utf8)
                quoted.append(digits[Int(byte >> 4)])
                quoted.append(digits[Int(byte & 15)])
            default: quoted.append(byte)
            }
        }
        quoted.append(UInt8(ascii: "\""))
        return String(decoding: quoted, as: UTF8.self)
    }
}
