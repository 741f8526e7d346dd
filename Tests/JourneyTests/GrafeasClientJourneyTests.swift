// SPDX-License-Identifier: Apache-2.0

import BullaTesting
import Foundation
import Testing

/// Google's Python client against the server as it is shipped.
@Suite("Grafeas client", .serialized)
struct GrafeasClientJourneyTests {
    /// The Python that has `grafeas` from PyPI; `Scripts/check` makes it.
    private static let python = ProcessInfo.processInfo.environment["BULLA_PYTHON"]

    @Test("does everything over gRPC and REST", .enabled(if: python != nil))
    func everything() async throws {
        let python = try #require(Self.python)
        let script = OutsideCommand.repository.appending(path: "Tests/JourneyTests/python/grafeas_client.py").path
        try await RunningServer.with { server, _ in
            let answer = try await OutsideCommand.run([
                python, script, "--http", server.http, "--grpc", server.ready["grpc"].string, "--project", "journey",
            ])
            #expect(answer.status == 0 && answer.text == "grpc: as expected\nrest: as expected\n", "\(answer)")
        }
    }
}
