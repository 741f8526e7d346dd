// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import BullaPolicy

/// The text of a denial: everything that is wrong at once, worst first, one line each, and how to mend it.
public struct Denial: Sendable {
    /// An image that was judged, where it is named, and the verdict on it.
    public struct Judged: Sendable {
        /// Every place that names it.
        public let paths: [String]
        /// The name as written.
        public let name: String
        /// The name as understood; `nil` when it is none.
        public let image: ImageReference?
        /// The verdict.
        public let verdict: Verdict

        /// Describes a judged image.
        public init(paths: [String], name: String, image: ImageReference?, verdict: Verdict) {
            self.paths = paths
            self.name = name
            self.image = image
            self.verdict = verdict
        }
    }

    /// The most bytes of a denial.
    public static let maximumSize = 8 << 10

    /// The text.
    public let text: String

    /// Writes the denial of a namespace's images.
    public init(_ judged: [Judged], in namespace: String) {
        struct Line {
            let rank: Int
            let order: Int
            let text: String
        }
        let refused = judged.filter { !$0.verdict.isAllowed }
        var lines: [Line] = []
        for image in refused {
            let place = Self.place(of: image)
            for reason in image.verdict.reasons {
                let remedy = reason.remedy(for: image.image).map { "; \($0)" } ?? ""
                let text = Self.oneLine("\(place): \(reason)\(remedy)")
                lines.append(Line(rank: reason.rank, order: lines.count, text: text))
            }
        }
        lines.sort { ($0.rank, $0.order) < ($1.rank, $1.order) }
        let count = judged.count
        var text = "\(refused.count) of \(count) image\(count == 1 ? "" : "s") refused in namespace \(namespace)"
        // What is cut off is counted, and the count must fit as well.
        let room = Self.maximumSize - 40
        for (index, line) in lines.enumerated() {
            let used = text.utf8.count
            if used + line.text.utf8.count + 3 > room {
                let start = Self.prefix(of: line.text, bytes: room - used - 6)
                // Half a line helps only where it is the first.
                if index == 0 { text += "\n- \(start)…" }
                let left = lines.count - index - (index == 0 ? 1 : 0)
                if left > 0 { text += "\n- and \(left) more problem\(left == 1 ? "" : "s")" }
                break
            }
            text += "\n- \(line.text)"
        }
        self.text = text
    }

    private static func place(of image: Judged) -> String {
        let shown = image.paths.prefix(4).joined(separator: ", ")
        let more = image.paths.count > 4 ? " and \(image.paths.count - 4) more" : ""
        return "\(shown)\(more): \(image.name.isEmpty ? "no image" : String(image.name.prefix(400)))"
    }

    /// Names come from the pod, and must not be able to write lines of their own.
    private static func oneLine(_ text: String) -> String {
        text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
            ? text
            : String(
                String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
    }

    private static func prefix(of text: String, bytes: Int) -> String {
        var out = ""
        var count = 0
        for character in text {
            count += character.utf8.count
            if count > bytes { break }
            out.append(character)
        }
        return out
    }
}
