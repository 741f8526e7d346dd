// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import Glibc

/// Ends the process when a promise is broken, so that libFuzzer keeps the input.
func require(_ condition: Bool, _ promise: @autoclosure () -> String) {
    guard !condition else { return }
    FileHandle.standardError.write(Data("broken promise: \(promise())\n".utf8))
    abort()
}

/// Waits for asynchronous work; the fuzzer's own thread has nothing else to do.
func wait(for work: @escaping @Sendable () async -> Void) {
    let done = DispatchSemaphore(value: 0)
    Task.detached {
        await work()
        done.signal()
    }
    done.wait()
}

/// A file in memory that takes one input after the other.
struct ScratchFile {
    /// Where it is.
    let path: String

    /// Names a file of this process.
    init(_ name: String) {
        let folder = getenv("BULLA_FUZZ_SCRATCH").map { String(cString: $0) } ?? "/tmp"
        path = "\(folder)/bulla-fuzz-\(getpid())-\(name)"
    }

    /// Replaces the content by a new file, so that nothing mapped changes.
    func write(_ bytes: [UInt8]) {
        unlink(path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        require(descriptor >= 0, "the scratch file can be opened")
        defer { close(descriptor) }
        let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        require(written == bytes.count, "the scratch file can be written")
    }
}

extension [UInt8] {
    /// The bytes as text, wrong UTF-8 repaired.
    var text: String { String(decoding: self, as: UTF8.self) }

    /// The parts between the occurrences of `separator`, at most `limit` of them.
    func parts(at separator: [UInt8], limit: Int) -> [[UInt8]] {
        var parts: [[UInt8]] = []
        var start = startIndex
        var index = startIndex
        while index + separator.count <= endIndex, parts.count < limit - 1 {
            if self[index..<(index + separator.count)].elementsEqual(separator) {
                parts.append(Array(self[start..<index]))
                index += separator.count
                start = index
            } else {
                index += 1
            }
        }
        return parts + [Array(self[start...])]
    }
}
