// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Another implementation of a version order, asked about many pairs in one run of its process.
enum Judge: String {
    /// Debian's own, the Perl module that dpkg brings.
    case dpkg
    /// The program dpkg, a process for each pair.
    case dpkgProgram
    /// Python's `packaging`.
    case packaging

    /// The judge's answers, one word a line: `<`, `=`, `>` or `invalid`; `nil` when it is not installed.
    ///
    /// A judge that is missing is reported on standard output, so that the skip can be counted.
    func compare(_ pairs: [(String, String)]) throws -> [String]? {
        let folder = FileManager.default.temporaryDirectory.appending(path: "bulla-judge-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let input = folder.appending(path: "pairs")
        try Data(pairs.map { "\($0.0)\t\($0.1)\n" }.joined().utf8).write(to: input)
        let output = folder.appending(path: "answers")
        try Data().write(to: output)

        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        process.standardInput = try FileHandle(forReadingFrom: input)
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            print("skipped: judge \(rawValue) is not installed")
            return nil
        }
        return try String(contentsOf: output, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    private var command: [String] {
        switch self {
        case .dpkg: ["perl", "-e", Self.perl]
        case .dpkgProgram: ["bash", "-c", Self.shell]
        case .packaging: ["python3", "-c", Self.python]
        }
    }

    /// The module takes an epoch of any size, a colon without one and colons in a revision, which dpkg itself refuses;
    /// and it compares numbers as floating point, so they must be short.
    private static let perl = #"""
        use strict; use Dpkg::Version;
        while (my $line = <STDIN>) {
            chomp $line;
            my @texts = split /\t/, $line, 2;
            my ($left, $right) = map { Dpkg::Version->new($_) } @texts;
            my $bad = grep { /:/ && !(/^(\d+):./ && $1 < 2**31) || /-[^-]*:[^-]*$/ } @texts;
            if ($bad || !$left->is_valid() || !$right->is_valid()) { print "invalid\n"; next }
            my $order = version_compare("$left", "$right");
            print $order < 0 ? "<\n" : $order > 0 ? ">\n" : "=\n";
        }
        """#

    private static let shell = #"""
        command -v dpkg > /dev/null || exit 1
        while IFS=$'\t' read -r left right; do
            dpkg --validate-version "$left" 2> /dev/null && dpkg --validate-version "$right" 2> /dev/null \
                || { echo invalid; continue; }
            if dpkg --compare-versions "$left" lt "$right"; then echo '<'
            elif dpkg --compare-versions "$left" gt "$right"; then echo '>'
            else echo '='; fi
        done
        """#

    private static let python = #"""
        import sys
        from packaging.version import Version, InvalidVersion
        out = []
        for line in sys.stdin.read().split("\n")[:-1]:
            try:
                left, right = map(Version, line.split("\t"))
                out.append("<" if left < right else ">" if left > right else "=")
            except InvalidVersion:
                out.append("invalid")
        print("\n".join(out))
        """#
}

/// A generator of repeatable numbers (SplitMix64), so that a failure can be had again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Joins random pieces.
    mutating func text(of pieces: [String], upTo count: Int) -> String {
        var text = ""
        for _ in 0..<Int.random(in: 1...count, using: &self) { text += pieces.randomElement(using: &self) ?? "" }
        return text
    }

    /// Changes, adds or removes a character, so that near misses and near ties are common.
    mutating func nudge(_ text: String, with pieces: [String]) -> String {
        var characters = text.map(String.init)
        let place = Int.random(in: 0...max(0, characters.count - 1), using: &self)
        switch Int.random(in: 0..<3, using: &self) {
        case 0 where !characters.isEmpty: characters.remove(at: place)
        case 1 where !characters.isEmpty: characters[place] = pieces.randomElement(using: &self) ?? ""
        default: characters.insert(pieces.randomElement(using: &self) ?? "", at: place)
        }
        return characters.joined()
    }
}
