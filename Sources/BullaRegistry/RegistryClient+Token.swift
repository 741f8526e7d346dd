// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaHTTP
import Foundation
import HTTPTypes
import Synchronization

// Bearer tokens as Docker's token servers give them (https://distribution.github.io/distribution/spec/auth/token/).

extension RegistryClient {
    private struct Answer: Decodable {
        var token: String?
        var access_token: String?
        var expires_in: Double?
    }

    /// What is kept for a grant and still good.
    func authorization(for grant: Grant) -> String? {
        authorizations.withLock { authorizations in
            guard let kept = authorizations[grant] else { return nil }
            if kept.end > .now { return kept.value }
            authorizations[grant] = nil
            return nil
        }
    }

    /// Obtains what the registry's challenges ask for, and keeps it.
    ///
    /// - Throws: `unauthenticated` when nothing that we have answers them.
    func authorize(_ grant: Grant, by challenges: [AuthenticationChallenge]) async throws(BullaError) -> String {
        let credential = try await credentials.credential(for: grant.registry)
        let authorization: Authorization
        if let challenge = challenges.first(where: { $0.scheme == "bearer" }) {
            authorization = try await token(grant, challenge, credential)
        } else if challenges.contains(where: { $0.scheme == "basic" }), let credential {
            authorization = Authorization(value: credential.basic, end: .now.advanced(by: .seconds(3600)))
        } else {
            throw BullaError(
                .unauthenticated,
                challenges.isEmpty
                    ? "\(grant.registry) refuses without saying how to ask again"
                    : "\(grant.registry) asks for a credential and there is none", reason: "UNAUTHORIZED")
        }
        authorizations.withLock { $0[grant] = authorization }
        return authorization.value
    }

    private func token(
        _ grant: Grant, _ challenge: AuthenticationChallenge, _ credential: Credential?
    ) async throws(BullaError) -> Authorization {
        let doing = "asking for a token for \(grant.registry)"
        guard let realm = challenge.parameters["realm"], let url = URL(string: realm),
            var request = HTTPRequest(.get, to: url, fields: [.userAgent: "bulla", .accept: "application/json"])
        else { throw BullaError(.unauthenticated, "\(doing): the challenge names no usable realm") }
        // A token server behind plain HTTP is only asked for a registry that is.
        guard request.scheme == "https" || options.usesPlainHTTP else {
            throw BullaError(.unauthenticated, "\(doing): the realm \(Redaction.url(url)) gives up TLS")
        }
        var scopes = grant.scopes
        if scopes.isEmpty, let scope = challenge.parameters["scope"] { scopes = [scope] }
        var parameters = scopes.map { ("scope", $0) }
        if let service = challenge.parameters["service"] { parameters.insert(("service", service), at: 0) }
        let reply: HTTPReply
        if let identity = credential?.identityToken {
            request.method = .post
            request.headerFields[.contentType] = "application/x-www-form-urlencoded"
            let form = [("grant_type", "refresh_token"), ("client_id", "bulla"), ("refresh_token", identity)]
            let scope = scopes.isEmpty ? [] : [("scope", scopes.joined(separator: " "))]
            let body = Self.form(form + parameters.filter { $0.0 != "scope" } + scope)
            reply = try await transport.send(request, body: .bytes(Array(body.utf8)), timeout: options.timeout)
        } else {
            if let credential {
                request.headerFields[.authorization] = credential.basic
                parameters.append(("account", credential.user))
            }
            let path = request.path ?? "/"
            request.path = "\(path)\(path.contains("?") ? "&" : "?")\(Self.form(parameters))"
            reply = try await transport.fetch(request, timeout: options.timeout, retrying: options.retries)
        }
        guard reply.head.status == .ok else {
            let error = await failure(reply, doing)
            guard reply.head.status.code < 500 else { throw error }
            throw BullaError(.unauthenticated, error.message, reason: "UNAUTHORIZED", cause: error)
        }
        let bytes = try await reply.bytes(upTo: 1 << 20, of: "a token")
        guard JSONDepth.isAtMost(16, in: bytes), let answer = try? JSONDecoder().decode(Answer.self, from: Data(bytes)),
            let token = answer.token ?? answer.access_token, !token.isEmpty,
            token.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else { throw BullaError(.unauthenticated, "\(doing): the answer holds no token") }
        // A token without an end is good for a minute; a little is kept back for the way.
        let seconds = min(max(answer.expires_in ?? 60, 10), 86_400) - 5
        return Authorization(value: "Bearer \(token)", end: .now.advanced(by: .seconds(seconds)))
    }

    private static func form(_ parameters: [(String, String)]) -> String {
        parameters.map { "\($0.0)=\(escape($0.1))" }.joined(separator: "&")
    }

    /// A value as it may stand in a query.
    static func escape(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? ""
    }

    private static let unreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:")
}
