// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BullaArtifact
import BullaFlow
import Foundation

/// Records where an image came from.
struct ProvenanceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "provenance", abstract: "Record an in-toto statement with SLSA provenance about an image.")

    /// What `bulla provenance` answers: `bulla.provenance/v1`.
    struct Answer: Codable {
        var schema = "bulla.provenance/v1"
        var image: String
        var digest: String
        var occurrence: String
    }

    @Argument(help: "The image; a tag is resolved first.") var image: String
    @Option(help: "A file with the statement, or a DSSE envelope around it; - is standard input.") var statement: String
    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await Command.run {
            let document = try Command.contents(of: statement)
            try await client.withServer { server in
                let names = try await server.names()
                let asked = try ImageReference(image)
                let digest = try await server.resolve(asked, names)
                let subject = server.recorded(asked, names)
                let flow = RecordBuildFlow(names: names, metadata: server.metadata)
                let occurrence = try await flow.record(document, of: subject, digest)
                switch client.output {
                case .json:
                    try Command.result(
                        json: Answer(image: subject.name, digest: digest.description, occurrence: occurrence))
                case .table: Command.result(occurrence)
                }
            }
        }
    }
}
