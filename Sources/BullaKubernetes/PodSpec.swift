// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// What a workload would run: every image it names, and what else a decision needs.
///
/// Read from a pod or from any built-in workload with a pod template. Looked at are containers, init and ephemeral
/// containers and image volumes
/// (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/).
public struct PodSpec: Hashable, Sendable {
    /// An image, and the place that names it.
    public struct Image: Hashable, Sendable {
        /// The place, such as `spec.template.spec.initContainers[0]`.
        public let path: String
        /// The name as written; empty when the place names none.
        public let name: String

        /// Names an image at a place.
        public init(path: String, name: String) {
            self.path = path
            self.name = name
        }
    }

    /// The most places with images that are looked at; an object with more is refused.
    public static let maximumImages = 1000

    /// The type of the object.
    public let kind: GroupVersionKind
    /// The object's name; empty when the server is to make one.
    public let name: String
    /// The object's own word for its namespace, which the request's overrules.
    public let namespace: String
    /// The object's labels, and those of its pod template.
    public let labels: [String: String]
    /// The object's annotations, and those of its pod template.
    public let annotations: [String: String]
    /// The service account that the pods run under; `default` when the object names none.
    public let serviceAccount: String
    /// Every image, in the order init containers, containers, ephemeral containers, volumes.
    public let images: [Image]
    /// Whether the object is being deleted already.
    public let isBeingDeleted: Bool

    /// Reads an object.
    ///
    /// - Throws: `invalidArgument` naming the field at fault; what cannot be read is never taken for empty.
    init(_ object: JSONValue, kind: GroupVersionKind, shape: PodShape) throws(BullaError) {
        guard object.isObject else { throw BullaError(.invalidArgument, "\(kind.kind) is not an object") }
        let outside = Outside(object, shape.path.first)
        try outside.checkType(against: kind)
        var metadata = Metadata(outside.metadata)
        var parent = object
        var path = ""
        var isMissing = false
        for (step, field) in shape.path.enumerated() {
            let child = step == 0 ? outside.inside : parent[field.name]
            isMissing = field == .template && shape.templateMayBeMissing && child == nil
            if isMissing { break }
            path += path.isEmpty ? "\(field.name)" : ".\(field.name)"
            guard let child, child.isObject else {
                throw BullaError(.invalidArgument, "\(kind.kind) has no \(path)")
            }
            parent = child
            if field == .template { metadata.add(template: Metadata(child["metadata"])) }
        }
        self.kind = kind
        name = metadata.name ?? metadata.generateName ?? ""
        namespace = metadata.namespace ?? ""
        labels = metadata.labels
        annotations = metadata.annotations
        isBeingDeleted = metadata.deletionTimestamp?.isEmpty == false
        guard !isMissing else {
            serviceAccount = "default"
            images = []
            return
        }
        let inside = Inside(parent)
        serviceAccount = inside.serviceAccount ?? "default"
        images = try inside.images(at: path, mayBeEmpty: shape.mayBeEmpty)
    }
}

/// The members of an object that matter, found in one walk: what does not matter is long.
private struct Outside {
    private var kind: String?
    private var apiVersion: String?
    private(set) var metadata: JSONValue?
    /// The first step towards the pod specification.
    private(set) var inside: JSONValue?

    init(_ object: JSONValue, _ step: PodShape.Field?) {
        object.forEachMember { key, value in
            if value.isNull { return true }
            if key == "kind" { kind = value.string }
            if key == "apiVersion" { apiVersion = value.string }
            if key == "metadata" { metadata = value }
            if let step, key == step.name { inside = value }
            return true
        }
    }

    /// The object's word about its own type may be missing, but not differ.
    func checkType(against type: GroupVersionKind) throws(BullaError) {
        if let kind, !kind.isEmpty, kind != type.kind {
            throw BullaError(.invalidArgument, "the request says \(type.kind), the object \(kind.prefix(100))")
        }
        if let apiVersion, !apiVersion.isEmpty, apiVersion != type.apiVersion {
            throw BullaError(
                .invalidArgument, "the request says \(type.apiVersion), the object \(apiVersion.prefix(100))")
        }
    }
}

/// The metadata that matters, found in one walk.
private struct Metadata {
    private(set) var name: String?
    private(set) var generateName: String?
    private(set) var namespace: String?
    private(set) var deletionTimestamp: String?
    private(set) var labels: [String: String] = [:]
    private(set) var annotations: [String: String] = [:]

    init(_ value: JSONValue?) {
        value?.forEachMember { key, value in
            if key == "name" { name = value.string }
            if key == "generateName" { generateName = value.string }
            if key == "namespace" { namespace = value.string }
            if key == "deletionTimestamp" { deletionTimestamp = value.string }
            if key == "labels" { labels = value.strings }
            if key == "annotations" { annotations = value.strings }
            return true
        }
    }

    /// Adds a template's labels and annotations; where both have one, it is `true` if either says so.
    mutating func add(template: Metadata) {
        labels.merge(template.labels) { $1 == "true" ? $1 : $0 }
        annotations.merge(template.annotations) { $1 == "true" ? $1 : $0 }
    }
}

/// The members of a pod specification that matter, found in one walk.
private struct Inside {
    private typealias Image = PodSpec.Image

    private(set) var serviceAccount: String?
    private var initial: JSONValue?
    private var containers: JSONValue?
    private var ephemeral: JSONValue?
    private var volumes: JSONValue?

    init(_ spec: JSONValue) {
        spec.forEachMember { key, value in
            if value.isNull { return true }
            if key == "initContainers" { initial = value }
            if key == "containers" { containers = value }
            if key == "ephemeralContainers" { ephemeral = value }
            if key == "volumes" { volumes = value }
            if key == "serviceAccountName" { serviceAccount = value.string }
            return true
        }
    }

    func images(at path: String, mayBeEmpty: Bool) throws(BullaError) -> [PodSpec.Image] {
        var images: [Image] = []
        let prefix = path.isEmpty ? "" : path + "."
        try Self.append(initial, "\(prefix)initContainers", to: &images)
        let before = images.count
        try Self.append(containers, "\(prefix)containers", to: &images)
        if images.count == before, !mayBeEmpty {
            throw BullaError(.invalidArgument, "\(prefix)containers names no container")
        }
        try Self.append(ephemeral, "\(prefix)ephemeralContainers", to: &images)
        try Self.appendVolumes(volumes, "\(prefix)volumes", to: &images)
        return images
    }

    private static func append(
        _ containers: JSONValue?, _ path: String, to images: inout [Image]
    ) throws(BullaError) {
        guard let containers else { return }
        guard containers.isArray else { throw BullaError(.invalidArgument, "\(path) is not an array") }
        var problem: String?
        containers.forEachElement { index, container in
            guard container.isObject else {
                problem = "\(path)[\(index)] is not an object"
                return false
            }
            let image = container["image"]
            guard let name = image == nil ? "" : image?.string else {
                problem = "\(path)[\(index)].image is not a string"
                return false
            }
            guard images.count < PodSpec.maximumImages else {
                problem = "more than \(PodSpec.maximumImages) images are named"
                return false
            }
            images.append(Image(path: "\(path)[\(index)]", name: name))
            return true
        }
        if let problem { throw BullaError(.invalidArgument, problem) }
    }

    private static func appendVolumes(
        _ volumes: JSONValue?, _ path: String, to images: inout [Image]
    ) throws(BullaError) {
        guard let volumes else { return }
        guard volumes.isArray else { throw BullaError(.invalidArgument, "\(path) is not an array") }
        var problem: String?
        volumes.forEachElement { index, volume in
            guard volume.isObject else {
                problem = "\(path)[\(index)] is not an object"
                return false
            }
            guard let image = volume["image"] else { return true }
            guard image.isObject, let name = image["reference"] == nil ? "" : image["reference"]?.string else {
                problem = "\(path)[\(index)].image.reference is not a string"
                return false
            }
            guard images.count < PodSpec.maximumImages else {
                problem = "more than \(PodSpec.maximumImages) images are named"
                return false
            }
            images.append(Image(path: "\(path)[\(index)].image", name: name))
            return true
        }
        if let problem { throw BullaError(.invalidArgument, problem) }
    }
}

/// Where an object of a kind keeps its pod specification.
struct PodShape: Sendable {
    /// A step from the object to the specification.
    enum Field: Sendable {
        case spec
        case jobTemplate
        case template

        var name: StaticString {
            switch self {
            case .spec: "spec"
            case .jobTemplate: "jobTemplate"
            case .template: "template"
            }
        }
    }

    /// The steps; the last one is what holds `containers`.
    let path: [Field]
    /// Whether the template may be missing, and the workload then runs nothing.
    var templateMayBeMissing = false
    /// Whether there may be no containers, for this is only the list of ephemeral ones.
    var mayBeEmpty = false

    /// The shape of a kind; `nil` for every kind without pods of its own.
    ///
    /// A kind of the same name in another group is another kind.
    init?(of kind: GroupVersionKind) {
        switch (kind.group, kind.kind) {
        case ("", "Pod"): path = [.spec]
        case ("", "PodTemplate"): path = [.template, .spec]
        case ("", "ReplicationController"):
            path = [.spec, .template, .spec]
            templateMayBeMissing = true
        case ("", "EphemeralContainers"):
            path = []
            mayBeEmpty = true
        case ("apps", "Deployment"), ("apps", "ReplicaSet"), ("apps", "StatefulSet"), ("apps", "DaemonSet"),
            ("extensions", "Deployment"), ("extensions", "ReplicaSet"), ("extensions", "DaemonSet"),
            ("batch", "Job"):
            path = [.spec, .template, .spec]
        case ("batch", "CronJob"): path = [.spec, .jobTemplate, .spec, .template, .spec]
        default: return nil
        }
    }
}

extension PodSpec {
    /// Reads a pod or workload from its JSON form; `nil` for a kind that holds no pod.
    ///
    /// - Throws: `invalidArgument` naming what is wrong.
    public static func read(_ bytes: [UInt8]) throws(BullaError) -> PodSpec? {
        let object = try JSONText(bytes).root
        let kind = try kind(of: object)
        guard let shape = PodShape(of: kind) else { return nil }
        return try PodSpec(object, kind: kind, shape: shape)
    }

    /// The type of an object in its JSON form.
    ///
    /// - Throws: `invalidArgument` when the bytes are no Kubernetes object.
    public static func kind(of bytes: [UInt8]) throws(BullaError) -> GroupVersionKind {
        try kind(of: try JSONText(bytes).root)
    }

    private static func kind(of object: JSONValue) throws(BullaError) -> GroupVersionKind {
        guard object.isObject, let kind = object["kind"]?.string, !kind.isEmpty,
            let version = object["apiVersion"]?.string, !version.isEmpty
        else { throw BullaError(.invalidArgument, "the body is no Kubernetes object: apiVersion or kind is missing") }
        return GroupVersionKind(apiVersion: version, kind: kind)
    }
}
