// SPDX-License-Identifier: Apache-2.0

public import Foundation
import HTTPTypes

/// Takes the secrets out of what is written to logs and messages.
public enum Redaction {
    /// What stands in a secret's place.
    public static let mark = "<redacted>"

    /// A URL without a password and without the values of its query.
    ///
    /// Names of parameters stay, for they explain; values go, for signed storage URLs carry their right in them.
    public static func url(_ url: URL?) -> String {
        guard let url, var parts = URLComponents(url: url, resolvingAgainstBaseURL: true) else { return "(no URL)" }
        if parts.user != nil || parts.password != nil {
            parts.user = nil
            parts.password = nil
        }
        let query = parts.percentEncodedQuery
        parts.percentEncodedQuery = nil
        parts.fragment = nil
        let text = parts.string ?? "(no URL)"
        guard let query, !query.isEmpty else { return text }
        let names = query.split(separator: "&").map { pair in
            pair.contains("=") ? "\(pair.prefix { $0 != "=" })=\(mark)" : String(pair)
        }
        return "\(text)?\(names.joined(separator: "&"))"
    }

    /// The value of a header field as it may be written: as it is, unless the field carries a credential.
    public static func value(ofField name: String, _ value: String) -> String {
        switch name.lowercased() {
        case "authorization", "proxy-authorization", "cookie", "set-cookie", "x-registry-auth", "x-identity-token": mark
        case "location": URL(string: value).map { url($0) } ?? mark
        default: value
        }
    }
}
