// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// What the API server asks of a webhook about one request
/// (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request).
public struct AdmissionReview: Sendable {
    /// The version of the review, in which it must be answered.
    public enum Version: String, Sendable, Hashable, CaseIterable {
        case v1 = "admission.k8s.io/v1"
        case v1beta1 = "admission.k8s.io/v1beta1"
    }

    /// What is being done to the object.
    public enum Operation: String, Sendable, Hashable, CaseIterable {
        case create = "CREATE"
        case update = "UPDATE"
        case delete = "DELETE"
        case connect = "CONNECT"
    }

    /// What is to be judged.
    public enum Subject: Sendable, Hashable {
        /// Nothing: the request passes, for the reason given.
        case nothing(String)
        /// These images of this workload.
        case images([PodSpec.Image], of: PodSpec)
    }

    /// The largest review that is read: an object and its predecessor of the 3 MiB that the API server takes, and room.
    public static let maximumSize = 7 << 20

    /// The version asked in.
    public let version: Version
    /// The identity of the request, to be repeated in the answer.
    public let uid: String
    /// The type of the object.
    public let kind: GroupVersionKind
    /// The part of the object that is concerned, such as `ephemeralcontainers`; empty for the object itself.
    public let subResource: String
    /// The object's name; may be empty.
    public let name: String
    /// The namespace of the request: the one that counts.
    public let namespace: String
    /// What is being done.
    public let operation: Operation
    /// Who does it.
    public let user: String
    /// The groups of the one who does it.
    public let groups: [String]
    /// Whether nothing will be stored, so that nothing may be written here either.
    public let isDryRun: Bool

    private let object: JSONValue?
    private let oldObject: JSONValue?

    /// The subresources that never change what runs.
    private static let harmless: Set<String> = [
        "status", "scale", "binding", "eviction", "finalizers", "exec", "attach", "portforward", "proxy", "log",
    ]

    /// What is to be judged of the request.
    ///
    /// Deletions, harmless subresources, unknown kinds, objects on their way out and images that were there before
    /// pass: what runs already must stay manageable. Owner references exempt nothing, for anyone may write them.
    ///
    /// - Throws: `invalidArgument` when the object cannot be read.
    public func subject() throws(BullaError) -> Subject {
        switch operation {
        case .delete: return .nothing("a deletion")
        case .connect: return .nothing("a connection")
        case .create, .update: break
        }
        if Self.harmless.contains(subResource) { return .nothing("subresource \(subResource)") }
        guard let shape = PodShape(of: kind) else { return .nothing("\(kind.kind) holds no pod of its own") }
        guard let object else { throw BullaError(.invalidArgument, "request.object is missing") }
        let spec = try PodSpec(object, kind: kind, shape: shape)
        guard operation == .update else {
            if isMirrorPod(spec) { return .nothing("a mirror of a pod that the node runs already") }
            return .images(spec.images, of: spec)
        }
        if spec.isBeingDeleted { return .nothing("the object is being deleted") }
        guard let oldObject, let old = try? PodSpec(oldObject, kind: kind, shape: shape) else {
            return .images(spec.images, of: spec)
        }
        let known = Set(old.images.map(\.name))
        let changed = spec.images.filter { !known.contains($0.name) }
        return changed.isEmpty ? .nothing("no image changes") : .images(changed, of: spec)
    }

    /// Whether a node reports a static pod.
    ///
    /// It runs already, and refusing the report would only hide it. Nobody but a node may say so.
    private func isMirrorPod(_ spec: PodSpec) -> Bool {
        kind.kind == "Pod" && spec.annotations["kubernetes.io/config.mirror"] != nil
            && user.hasPrefix("system:node:") && groups.contains("system:nodes")
    }
}

/// What a body sent to the webhook turns out to be.
public enum AdmissionReading: Sendable {
    /// A review.
    case review(AdmissionReview)
    /// No review, but it can be told which request it was about: to be denied.
    case malformed(uid: String, version: AdmissionReview.Version, problem: BullaError)
    /// Nothing that could be answered in kind.
    case unreadable(BullaError)
}

extension AdmissionReview {
    /// Reads a body, which may be cut off or be anything at all.
    ///
    /// A body that went past the limit is not whole, and `bytes` only its beginning.
    public static func read(_ bytes: [UInt8], isWhole: Bool = true) -> AdmissionReading {
        guard isWhole, bytes.count <= maximumSize else {
            let problem = BullaError(
                .resourceExhausted, "the review is larger than the \(maximumSize >> 20) MiB that are read")
            return refusal(of: bytes, problem)
        }
        let root: JSONValue
        do {
            root = try JSONText(bytes).root
        } catch {
            return refusal(of: bytes, error)
        }
        guard root.isObject, let request = root["request"], request.isObject, let uid = uid(in: request) else {
            return .unreadable(
                BullaError(.invalidArgument, "the body is no AdmissionReview with a request and its uid"))
        }
        do {
            return .review(try AdmissionReview(root, request, uid: uid))
        } catch {
            return .malformed(uid: uid, version: version(of: root), problem: error)
        }
    }

    private init(_ root: JSONValue, _ request: JSONValue, uid: String) throws(BullaError) {
        func malformed(_ what: String) -> BullaError { BullaError(.invalidArgument, what) }
        guard root["kind"]?.string == "AdmissionReview" else {
            throw malformed("the body's kind is not AdmissionReview")
        }
        let apiVersion = root["apiVersion"]?.string
        guard let version = apiVersion.flatMap(Version.init(rawValue:)) else {
            throw malformed("apiVersion '\((apiVersion ?? "").prefix(100))' is not admission.k8s.io/v1 or v1beta1")
        }
        self.version = version
        self.uid = uid
        var kind: JSONValue?
        var operation: String?
        var (subResource, name, namespace, user) = ("", "", "", "")
        var groups: [String] = []
        var isDryRun = false
        var object: JSONValue?
        var oldObject: JSONValue?
        // One walk: the objects are long, and every look-up by name would skip over them again.
        request.forEachMember { key, value in
            if value.isNull {
                return true
            } else if key == "object" {
                object = value
            } else if key == "oldObject" {
                oldObject = value
            } else if key == "kind" {
                kind = value
            } else if key == "operation" {
                operation = value.string
            } else if key == "subResource" {
                subResource = value.string ?? ""
            } else if key == "name" {
                name = value.string ?? ""
            } else if key == "namespace" {
                namespace = value.string ?? ""
            } else if key == "dryRun" {
                isDryRun = value.isTrue
            } else if key == "userInfo" {
                user = value["username"]?.string ?? ""
                value["groups"]?.forEachElement { _, group in
                    if let group = group.string { groups.append(group) }
                    return true
                }
            }
            return true
        }
        guard let kind, let kindName = kind["kind"]?.string, !kindName.isEmpty else {
            throw malformed("request.kind is missing")
        }
        self.kind = GroupVersionKind(
            group: kind["group"]?.string ?? "", version: kind["version"]?.string ?? "", kind: kindName)
        guard let operation = operation.flatMap(Operation.init(rawValue:)) else {
            throw malformed("request.operation is none of CREATE, UPDATE, DELETE and CONNECT")
        }
        self.operation = operation
        self.subResource = subResource
        self.name = name
        self.namespace = namespace
        self.user = user
        self.groups = groups
        self.isDryRun = isDryRun
        self.object = object
        self.oldObject = oldObject
    }

    /// The uid, or as much of the beginning of a broken body as tells it.
    private static func refusal(of bytes: [UInt8], _ problem: BullaError) -> AdmissionReading {
        let root = JSONText(unchecked: Array(bytes.prefix(64 << 10))).root
        guard let request = root["request"], let uid = uid(in: request) else { return .unreadable(problem) }
        return .malformed(uid: uid, version: version(of: root), problem: problem)
    }

    private static func uid(in request: JSONValue) -> String? {
        guard let uid = request["uid"]?.string, (1...256).contains(uid.utf8.count) else { return nil }
        return uid
    }

    private static func version(of root: JSONValue) -> Version {
        root["apiVersion"]?.string.flatMap(Version.init(rawValue:)) ?? .v1
    }
}
