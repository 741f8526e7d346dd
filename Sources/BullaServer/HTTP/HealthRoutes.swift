// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaKubernetes
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// Whether the process lives, whether it is ready, and what it has counted.
struct HealthRoutes: Sendable {
    let readiness: Readiness
    let policies: PolicyCache
    let metrics: PrometheusRegistry

    private struct Ready: Encodable {
        var status: String
        var waitingFor: [String]
        var policies: String?
    }

    func add(to router: Router<some RequestContext>) {
        router.get("/healthz") { _, _ in "ok\n" }
        router.get("/readyz") { _, _ in try ready() }
        router.get("/metrics") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.text)))
        }
    }

    /// Policies that do not parse leave the last good set in force: the server is ready, and says what is wrong.
    private func ready() throws -> Response {
        let missing = readiness.missing
        let error = policies.lastError?.message
        let state = Ready(
            status: !missing.isEmpty ? "starting" : error != nil ? "degraded" : "ready", waitingFor: missing,
            policies: error)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Response(
            status: missing.isEmpty ? .ok : .serviceUnavailable, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: try encoder.encode(state))))
    }
}
