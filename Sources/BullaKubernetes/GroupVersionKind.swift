// SPDX-License-Identifier: Apache-2.0

/// The type of a Kubernetes object: API group, version and kind.
public struct GroupVersionKind: Hashable, Sendable, CustomStringConvertible {
    /// The API group; empty for the core group.
    public let group: String
    /// The version within the group.
    public let version: String
    /// The kind, such as `Pod`.
    public let kind: String

    /// Names a type.
    public init(group: String, version: String, kind: String) {
        self.group = group
        self.version = version
        self.kind = kind
    }

    /// Names a type by an object's `apiVersion` and `kind`.
    public init(apiVersion: String, kind: String) {
        if let slash = apiVersion.firstIndex(of: "/") {
            group = String(apiVersion[..<slash])
            version = String(apiVersion[apiVersion.index(after: slash)...])
        } else {
            group = ""
            version = apiVersion
        }
        self.kind = kind
    }

    /// Group and version as an object spells them.
    public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

    /// The version and kind as an object spells them.
    public var description: String { "\(apiVersion) \(kind)" }
}
