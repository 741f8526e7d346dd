// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BullaArtifact
import BullaGrafeas
import BullaHTTP
import Foundation
import HTTPTypes

/// How results are written.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable { case table, json }

/// The options of every command that asks a server.
struct ClientOptions: ParsableArguments {
    @Option(help: "The server's URL (BULLA_SERVER; http://127.0.0.1:8080).")
    var server: String?

    @Option(help: "A file with the bearer token to send.")
    var tokenFile: String?

    @Option(name: .shortAndLong, help: "How to write the result.")
    var output: OutputFormat = .table

    @Flag(name: .shortAndLong, help: "No progress on standard error.")
    var quiet = false

    /// Tells what is going on, on a terminal only.
    func progress(_ text: String) {
        if !quiet, Command.errorIsTerminal { Command.say(text) }
    }

    /// The server's URL.
    ///
    /// - Throws: `invalidArgument` when the text is none.
    func serverURL() throws(BullaError) -> URL {
        let text = server ?? ProcessInfo.processInfo.environment["BULLA_SERVER"] ?? "http://127.0.0.1:8080"
        guard let url = URL(string: text), let scheme = url.scheme, ["http", "https"].contains(scheme), url.host != nil
        else { throw BullaError(.invalidArgument, "server '\(text)' is not an http or https URL") }
        return url
    }

    /// The token of `--token-file`.
    ///
    /// - Throws: `invalidArgument` when the file cannot be read.
    func token() throws(BullaError) -> String? {
        guard let tokenFile else { return nil }
        let text = String(decoding: try Command.contents(of: tokenFile, limit: 64 << 10), as: UTF8.self)
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Opens the server for the time of `work`.
    func withServer<Result: Sendable>(
        _ work: @Sendable (ServerClient) async throws -> Result
    ) async throws -> Result {
        let url = try serverURL()
        let token = try token()
        return try await AsyncHTTPClientTransport.with { transport in
            try await work(ServerClient(url: url, token: token, transport: transport))
        }
    }
}
