// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BullaArtifact
import BullaFlow
import BullaKubernetes
import Foundation
import HTTPTypes

/// Asks whether a pod, a workload or an admission review would be admitted; records nothing.
struct AdmitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "admit", abstract: "Say whether a pod or workload would be admitted; nothing is recorded.")

    /// The part of `bulla.admit/v1` that the table and the exit code need.
    private struct Answer: Decodable {
        struct Image: Decodable {
            var path: String
            var image: String
            var verdict: String
            var reasons: [String]
        }
        var allowed: Bool
        var images: [Image]
    }

    @Option(name: .shortAndLong, help: "A file with the object in YAML or JSON; - is standard input.") var file: String
    @Option(help: "The namespace (the object's, else default).") var namespace: String?
    @Option(help: "A folder of policies in the place of the server's.") var policies: String?
    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await Command.run {
            let object = try Command.contents(of: file)
            let answer = try await client.withServer { server in
                if let policies { return try await judge(object, by: policies, on: server) }
                var query = [URLQueryItem(name: "format", value: "bulla.admit/v1")]
                if let namespace { query.append(URLQueryItem(name: "namespace", value: namespace)) }
                return try await evaluate(object, query, on: server)
            }
            guard let decoded = try? JSONDecoder().decode(Answer.self, from: Data(answer)) else {
                throw BullaError(.unavailable, "the server's answer is not bulla.admit/v1")
            }
            switch client.output {
            case .json: Command.result(String(decoding: answer, as: UTF8.self))
            case .table:
                Command.result(decoded.allowed ? "allowed" : "denied")
                for image in decoded.images {
                    Command.result("\(image.path)  \(image.image)  \(image.verdict)")
                    for reason in image.reasons { Command.result("    \(reason)") }
                }
            }
            if !decoded.allowed { throw Command.no }
        }
    }

    /// Judges by policies that lie here; the server is asked for evidence only.
    private func judge(
        _ object: [UInt8], by folder: String, on server: ServerClient
    ) async throws -> [UInt8] {
        let names = try await server.names()
        let policies = try PolicyCache(folder: folder)
        let gatherer = EvidenceGatherer(names: names, metadata: server.metadata)
        let flow = AdmitFlow(
            policy: { policies.policy },
            source: .init(
                evidence: { image, needsScan, attestors, time throws(BullaError) in
                    try await gatherer.evidence(of: image, needsScan: needsScan, attestors: attestors, at: time)
                },
                digestOfTag: { image in
                    guard image.registry == names.registryName else { return nil }
                    return try? await server.resolve(image, names)
                }),
            recorder: .init(now: { _ throws(BullaError) in }, later: { _ in }))
        let report = try await flow.report(on: object, in: namespace, within: .seconds(30))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(report))
    }

    private func evaluate(
        _ object: [UInt8], _ query: [URLQueryItem], on server: ServerClient
    ) async throws(BullaError) -> [UInt8] {
        try await server.call(.post, "/bulla/v1/evaluate", query: query, body: object)
    }
}
