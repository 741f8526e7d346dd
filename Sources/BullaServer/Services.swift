// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Logging
import ServiceLifecycle
import Synchronization

/// A loop that goes on until the server stops; being cancelled is its ordinary end.
struct LoopService: Service {
    let name: String
    let loop: @Sendable () async throws -> Void

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            do {
                try await loop()
            } catch is CancellationError {
                return
            } catch let error as BullaError where error.code == .cancelled {
                return
            }
        }
    }
}

/// The gRPC server, which stops taking calls and lets those under way end.
struct GRPCService: Service {
    let server: GRPCServer<HTTP2ServerTransport.Posix>

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await server.serve()
        } onGracefulShutdown: {
            server.beginGracefulShutdown()
        }
    }
}

/// Counts the ports that answer, and says so once all do.
final class Readiness: Sendable {
    private struct State {
        var missing: Set<String>
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(awaiting parts: Set<String>) { state = Mutex(State(missing: parts)) }

    /// Says that a part answers.
    func mark(_ part: String) {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.missing.remove(part)
            guard state.missing.isEmpty else { return [] }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// What does not answer yet.
    var missing: [String] { state.withLock { $0.missing.sorted() } }

    /// Waits until every part answers.
    func wait() async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.missing.isEmpty { return true }
                state.waiters.append(continuation)
                return false
            }
            if isReady { continuation.resume() }
        }
    }
}

/// The file that tells others where the server listens: it appears by rename once every port answers, and goes with the
/// server.
struct ReadyFile: Sendable {
    /// What the file holds.
    struct Content: Codable, Sendable {
        var pid: Int32
        var version: String
        var http: String
        var grpc: String
        var webhook: String
        var webhookCA: String?
    }

    let path: String

    func write(_ content: Content) throws(BullaError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            let temporary = path + ".\(content.pid)"
            try encoder.encode(content).write(to: URL(filePath: temporary))
            guard rename(temporary, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
        } catch {
            throw BullaError(.unavailable, "the ready file '\(path)' cannot be written", cause: error)
        }
    }

    func remove() { unlink(path) }
}
