// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Hands the process to libFuzzer (https://llvm.org/docs/LibFuzzer.html) with one target.
///
/// The first argument names the target, the others are libFuzzer's own. SwiftPM gives an executable its own `main`,
/// therefore libFuzzer is called as a library.
@main
enum Fuzz {
    /// The variable that tells the processes libFuzzer starts which target they are to run.
    private static let variable = "BULLA_FUZZ_TARGET"

    static func main() {
        var arguments = CommandLine.arguments
        if arguments.count > 1, FuzzTarget(rawValue: arguments[1]) != nil {
            setenv(variable, arguments.remove(at: 1), 1)
        }
        guard let name = getenv(variable).map({ String(cString: $0) }), let target = FuzzTarget(rawValue: name) else {
            print("usage: Fuzz TARGET [libFuzzer's arguments]\ntargets:")
            for target in FuzzTarget.allCases { print("  \(target.rawValue)") }
            exit(64)
        }
        chosen = target
        exit(Driver.run(arguments))
    }
}

/// Set once, before the first input.
nonisolated(unsafe) private var chosen = FuzzTarget.tar

/// The C side.
private enum Driver {
    static func run(_ arguments: [String]) -> CInt {
        var count = CInt(arguments.count)
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        return pointers.withUnsafeMutableBufferPointer { buffer in
            var start = buffer.baseAddress
            return runFuzzer(&count, &start) { bytes, length in
                chosen.run(Array(UnsafeBufferPointer(start: bytes, count: length)))
                return 0
            }
        }
    }
}

@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt
