// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
package import BullaFlow
import BullaKubernetes
import Foundation
import HTTPTypes
package import Hummingbird
import Logging
import Metrics
import NIOCore

/// The admission webhook, and the same question without a trace.
///
/// A denial is an answer like any other, with status 200: the API server takes every other status for a failure of the
/// call. See https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response.
package struct AdmissionRoutes: Sendable {
    private let flow: AdmitFlow

    /// Serves a flow.
    package init(_ flow: AdmitFlow) { self.flow = flow }

    /// Adds the webhook: `POST /admit` and `POST /`.
    package func addWebhook<Context: RequestContext>(to router: some RouterMethods<Context>) {
        for path in ["/", "/admit"] as [RouterPath] {
            router.post(path) { request, context in await admit(request, logger: context.logger) }
        }
    }

    /// Adds `POST /bulla/v1/evaluate`, which answers as the webhook and records nothing.
    ///
    /// The body is a review, or any Kubernetes objects in JSON or YAML; `?namespace=` overrules theirs. A review is
    /// answered with a review unless `?format=bulla.admit/v1` asks for the report that objects get.
    package func addEvaluation<Context: RequestContext>(to router: some RouterMethods<Context>) {
        router.post("/bulla/v1/evaluate") { request, context in
            do throws(BullaError) {
                return try await evaluate(request)
            } catch {
                if error.isOurFault { context.logger.error("an evaluation failed", metadata: ["error": "\(error)"]) }
                return ErrorMapping.response(for: error)
            }
        }
    }

    // MARK: - Webhook

    private func admit(_ request: Request, logger: Logger) async -> Response {
        let start = ContinuousClock.now
        let reading: AdmissionReading
        do {
            let body = try await Self.body(of: request)
            reading = AdmissionReview.read(body.bytes, isWhole: body.isWhole)
        } catch {
            return ErrorMapping.response(for: error)
        }
        switch reading {
        case .review(let review):
            let response = await flow.answer(review, within: Self.budget(of: request))
            Self.count(response.isAllowed ? "allowed" : "denied", since: start)
            return ErrorMapping.response(.ok, json: response.encoded(as: review.version))
        case .malformed(let uid, let version, let problem):
            logger.warning("a review cannot be read", metadata: ["uid": "\(uid)", "error": "\(problem.message)"])
            Self.count("malformed", since: start)
            let response = AdmissionResponse.refuse(uid: uid, problem)
            return ErrorMapping.response(.ok, json: response.encoded(as: version))
        case .unreadable(let problem):
            Self.count("malformed", since: start)
            guard problem.code == .resourceExhausted else { return ErrorMapping.response(for: problem) }
            return Response(
                status: .contentTooLarge, headers: [.contentType: "text/plain; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: problem.message + "\n")))
        }
    }

    private static func count(_ outcome: String, since start: ContinuousClock.Instant) {
        Counter(label: "bulla_admission_reviews_total", dimensions: [("outcome", outcome)]).increment()
        let taken = (ContinuousClock.now - start).components
        Metrics.Timer(label: "bulla_admission_duration_seconds")
            .recordNanoseconds(taken.seconds &* 1_000_000_000 &+ taken.attoseconds / 1_000_000_000)
    }

    /// How long the decision may take: what the API server waits, less a reserve for the way back.
    private static func budget(of request: Request) -> Duration {
        let asked = request.uri.queryParameters["timeout"].flatMap { try? Quantity.seconds(String($0)) } ?? 10
        let bounded = min(max(asked, 0.1), 30)
        return .milliseconds(Int64((bounded - min(bounded / 5, 0.5)) * 1000))
    }

    // MARK: - Evaluation

    private func evaluate(_ request: Request) async throws(BullaError) -> Response {
        let body = try await Self.body(of: request)
        guard body.isWhole else {
            throw BullaError(
                .invalidArgument, "the body is larger than \(AdmissionReview.maximumSize >> 20) MiB")
        }
        let namespace = request.uri.queryParameters["namespace"].map(String.init).flatMap { $0.isEmpty ? nil : $0 }
        let wantsReport = request.uri.queryParameters["format"] == "bulla.admit/v1"
        let budget = Self.budget(of: request)
        if !wantsReport {
            switch AdmissionReview.read(body.bytes) {
            case .review(let review):
                let response = await flow.rehearse(review, in: namespace, within: budget)
                return ErrorMapping.response(.ok, json: response.encoded(as: review.version))
            case .malformed(let uid, let version, let problem):
                let response = AdmissionResponse.refuse(uid: uid, problem)
                return ErrorMapping.response(.ok, json: response.encoded(as: version))
            case .unreadable: break
            }
        }
        let report = try await flow.report(on: body.bytes, in: namespace, within: budget)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return ErrorMapping.response(.ok, json: Array(try encoder.encode(report)))
        } catch {
            throw BullaError(wrapping: error, while: "writing the report")
        }
    }

    // MARK: - Body

    /// The body, or as much of it as is read: a little more than the limit, so that it can be told who asked.
    private static func body(of request: Request) async throws(BullaError) -> (bytes: [UInt8], isWhole: Bool) {
        let limit = AdmissionReview.maximumSize
        var bytes: [UInt8] = []
        if let length = request.headers[.contentLength].flatMap({ Int($0) }) {
            bytes.reserveCapacity(min(max(length, 0), limit))
        }
        do {
            for try await chunk in request.body {
                let room = limit - bytes.count
                bytes.append(contentsOf: chunk.readableBytesView.prefix(room))
                if chunk.readableBytes > room { return (bytes, false) }
            }
        } catch {
            throw BullaError(.invalidArgument, "the body broke off", cause: error)
        }
        return (bytes, true)
    }
}
