// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
public import Foundation

/// Where an image was built, from what, by whom and how, as plain values.
///
/// Two versions of the predicate say the same in other places; both are read into one form. See
/// https://slsa.dev/spec/v0.2/provenance and https://slsa.dev/spec/v1.0/provenance.
public struct SLSAProvenance: Hashable, Sendable {
    /// The versions that are read.
    public enum Version: String, Sendable, CaseIterable {
        /// `https://slsa.dev/provenance/v0.2`.
        case zeroTwo = "https://slsa.dev/provenance/v0.2"
        /// `https://slsa.dev/provenance/v1`.
        case one = "https://slsa.dev/provenance/v1"

        /// The version that a predicate's type names, if it is one that is read; a minor version after it is ignored.
        public init?(predicateType: String) {
            if predicateType == Self.zeroTwo.rawValue {
                self = .zeroTwo
            } else if predicateType == Self.one.rawValue || predicateType == Self.one.rawValue + ".0"
                || predicateType == Self.one.rawValue + ".1"
            {
                self = .one
            } else {
                return nil
            }
        }
    }

    /// Something that went into the build.
    public struct Material: Hashable, Sendable {
        /// Where it came from; empty if unsaid.
        public let uri: String
        /// Its digests by algorithm.
        public let digests: [String: String]

        /// The Git commit, if it is one.
        public var commit: String? { digests["gitCommit"] ?? digests["sha1"] }
    }

    /// One command of the build.
    public struct Step: Hashable, Sendable {
        /// The step's id or name.
        public let id: String
        /// The image or program that ran.
        public let name: String
        /// Its entry point, where stated.
        public let entryPoint: String
        /// Its arguments.
        public let arguments: [String]
        /// The environment, `NAME=value`.
        public let environment: [String]
        /// The working directory.
        public let directory: String
    }

    /// Which version of the predicate was read.
    public let version: Version
    /// The builder's id, a URI.
    public let builderID: String
    /// Versions of the builder's components (version 1 only).
    public let builderVersion: [String: String]
    /// The URI that says what the build's parameters mean.
    public let buildType: String
    /// The repository that was built, as a URI; empty if unsaid.
    public let sourceURI: String
    /// The digests of the source.
    public let sourceDigests: [String: String]
    /// The file in the source that defines the build.
    public let entryPoint: String
    /// The id of this run of the builder.
    public let invocationID: String
    /// Who or what started the build, where a known member says so.
    public let user: String?
    /// When the build began.
    public let startedOn: Date?
    /// When the build ended.
    public let finishedOn: Date?
    /// The commands, where the builder lists them.
    public let steps: [Step]
    /// Everything that went in: materials (0.2) or resolved dependencies (1).
    public let materials: [Material]
    /// What else came out (version 1 only).
    public let byproducts: [Material]
    /// What the caller chose, as JSON: `invocation.parameters` or `externalParameters`.
    public let parameters: Data?
    /// What the builder chose, as JSON: `invocation.environment` or `internalParameters`.
    public let environment: Data?
    /// Whether the builder calls the build reproducible (0.2 only).
    public let isReproducible: Bool?

    /// The Git commit that was built, if the source or a material of its repository has one.
    public var commit: String? { sourceDigests["gitCommit"] ?? sourceDigests["sha1"] }

    /// Reads a predicate of one version.
    init(version: Version, predicate: JSONValue) throws(BullaError) {
        self.version = version
        let reader = ProvenanceReader(predicate: predicate)
        let source: (uri: String, digests: [String: String], entryPoint: String)
        let metadata: JSONValue?
        switch version {
        case .zeroTwo:
            builderID = try reader.required("builder", "id")
            builderVersion = [:]
            buildType = try reader.required("buildType")
            materials = try reader.materials(predicate["materials"], at: "materials")
            byproducts = []
            source = try reader.source(materials: materials)
            parameters = predicate["invocation"]?["parameters"]?.data
            environment = predicate["invocation"]?["environment"]?.data
            metadata = predicate["metadata"]
            invocationID = metadata?["buildInvocationId"]?.string ?? metadata?["buildInvocationID"]?.string ?? ""
            startedOn = try reader.date(metadata?["buildStartedOn"], at: "metadata.buildStartedOn")
            finishedOn = try reader.date(metadata?["buildFinishedOn"], at: "metadata.buildFinishedOn")
            isReproducible = metadata?["reproducible"]?.bool
            user = ProvenanceReader.user(in: [
                predicate["invocation"]?["environment"], predicate["invocation"]?["parameters"],
            ])
            steps = ProvenanceReader.steps(in: [predicate["buildConfig"], predicate["invocation"]?["parameters"]])
        case .one:
            let definition = predicate["buildDefinition"]
            builderID = try reader.required("runDetails", "builder", "id")
            builderVersion = ProvenanceReader.strings(predicate["runDetails"]?["builder"]?["version"])
            buildType = try reader.required("buildDefinition", "buildType")
            materials = try reader.materials(
                definition?["resolvedDependencies"], at: "buildDefinition.resolvedDependencies")
            byproducts = try reader.materials(predicate["runDetails"]?["byproducts"], at: "runDetails.byproducts")
            source = reader.sourceOfVersionOne(materials: materials)
            parameters = definition?["externalParameters"]?.data
            environment = definition?["internalParameters"]?.data
            metadata = predicate["runDetails"]?["metadata"]
            invocationID = metadata?["invocationId"]?.string ?? metadata?["invocationID"]?.string ?? ""
            startedOn = try reader.date(metadata?["startedOn"], at: "runDetails.metadata.startedOn")
            finishedOn = try reader.date(metadata?["finishedOn"], at: "runDetails.metadata.finishedOn")
            isReproducible = nil
            user = ProvenanceReader.user(in: [
                definition?["internalParameters"], definition?["externalParameters"], metadata,
            ])
            steps = ProvenanceReader.steps(in: [definition?["externalParameters"], definition?["internalParameters"]])
        }
        sourceURI = source.uri
        sourceDigests = source.digests
        entryPoint = source.entryPoint
    }
}

/// Finds in a predicate what `SLSAProvenance` holds.
private struct ProvenanceReader {
    let predicate: JSONValue

    private func wrong(_ reason: String) -> BullaError {
        BullaError(.invalidArgument, "SLSA provenance \(reason)")
    }

    func required(_ path: String...) throws(BullaError) -> String {
        var value: JSONValue? = predicate
        for name in path { value = value?[name] }
        guard let text = value?.string, !text.isEmpty else { throw wrong("has no \(path.joined(separator: "."))") }
        return text
    }

    func date(_ value: JSONValue?, at place: String) throws(BullaError) -> Date? {
        guard let value, value != .null else { return nil }
        guard let text = value.string, let date = Timestamp.parse(text) else {
            throw wrong("has a \(place) that is no RFC 3339 time")
        }
        return date
    }

    func materials(_ value: JSONValue?, at place: String) throws(BullaError) -> [SLSAProvenance.Material] {
        guard let value, value != .null else { return [] }
        guard let values = value.array else { throw wrong("has \(place) that are no array") }
        var materials: [SLSAProvenance.Material] = []
        for (index, value) in values.enumerated() {
            let digests = try InTotoStatement.digests(
                value["digest"], at: "\(place)[\(index)].digest", of: "SLSA provenance")
            materials.append(
                SLSAProvenance.Material(uri: value["uri"]?.string ?? value["name"]?.string ?? "", digests: digests))
        }
        return materials
    }

    /// Version 0.2 has a member for the source; where it is empty, a Git material is the source.
    func source(
        materials: [SLSAProvenance.Material]
    ) throws(BullaError) -> (uri: String, digests: [String: String], entryPoint: String) {
        let config = predicate["invocation"]?["configSource"]
        let uri = config?["uri"]?.string ?? ""
        var digests = try InTotoStatement.digests(
            config?["digest"], at: "invocation.configSource.digest", of: "SLSA provenance")
        let entryPoint = config?["entryPoint"]?.string ?? ""
        let material = Self.git(materials, of: uri)
        if digests.isEmpty, let material { digests = material.digests }
        return (uri.isEmpty ? material?.uri ?? "" : uri, digests, entryPoint)
    }

    /// Version 1 leaves the source to the build type: the members of GitHub's, Cloud Build's and generic builders.
    func sourceOfVersionOne(
        materials: [SLSAProvenance.Material]
    ) -> (uri: String, digests: [String: String], entryPoint: String) {
        let parameters = predicate["buildDefinition"]?["externalParameters"]
        var uri = ""
        var entryPoint = ""
        for name in ["workflow", "buildConfigSource", "sourceToBuild", "configSource", "source"] {
            guard let place = parameters?[name] else { continue }
            if let text = place.string ?? place["repository"]?.string ?? place["uri"]?.string, uri.isEmpty {
                uri = text
                if let reference = place["ref"]?.string, !reference.isEmpty, !uri.contains("@") {
                    uri += "@" + reference
                }
            }
            if entryPoint.isEmpty { entryPoint = place["path"]?.string ?? place["entryPoint"]?.string ?? "" }
        }
        let material = Self.git(materials, of: uri)
        return (uri.isEmpty ? material?.uri ?? "" : uri, material?.digests ?? [:], entryPoint)
    }

    /// The Git material of a repository; where no repository is named, the first one that is Git.
    ///
    /// A commit of another repository is never taken for the source's.
    private static func git(_ materials: [SLSAProvenance.Material], of uri: String) -> SLSAProvenance.Material? {
        let commits = materials.filter { $0.commit != nil }
        guard uri.isEmpty else {
            let place = place(of: uri)
            return commits.first { Self.place(of: $0.uri) == place }
        }
        return commits.first { $0.digests["gitCommit"] != nil || $0.uri.hasPrefix("git") || $0.uri.hasSuffix(".git") }
    }

    /// A repository's place without scheme, reference and `.git`, so that two spellings of it compare.
    private static func place(of uri: String) -> String {
        var text = Substring(uri)
        if let scheme = text.range(of: "://") { text = text[scheme.upperBound...] }
        if let at = text.lastIndex(of: "@"), text.firstIndex(of: "/").map({ $0 < at }) ?? false { text = text[..<at] }
        if let mark = text.firstIndex(of: "#") { text = text[..<mark] }
        if text.hasSuffix("/") { text = text.dropLast() }
        if text.hasSuffix(".git") { text = text.dropLast(4) }
        return text.lowercased()
    }

    static func strings(_ value: JSONValue?) -> [String: String] {
        var result: [String: String] = [:]
        for member in value?.members ?? [] { result[member.name] = member.value.string }
        return result
    }

    /// Who started the build: the first of the names that builders use, at most three objects deep.
    static func user(in places: [JSONValue?]) -> String? {
        let names = [
            "GITHUB_ACTOR", "github_actor", "actor", "GITLAB_USER_LOGIN", "GITLAB_USER_EMAIL", "BUILD_USER_ID",
            "invoker",
            "triggeredBy", "triggered_by", "user", "userEmail", "USER", "creator", "requestor",
        ]
        for name in names {
            for place in places {
                if let place, let found = find(name, in: place, depth: 3) { return found }
            }
        }
        return nil
    }

    private static func find(_ name: String, in value: JSONValue, depth: Int) -> String? {
        guard depth > 0, let members = value.members else { return nil }
        if let text = value[name]?.string, !text.isEmpty { return text }
        for member in members {
            if let found = find(name, in: member.value, depth: depth - 1) { return found }
        }
        return nil
    }

    /// The first list of steps: directly, below `buildConfig` or per task, as Cloud Build, generic builders and Tekton
    /// write them.
    static func steps(in places: [JSONValue?]) -> [SLSAProvenance.Step] {
        for place in places {
            guard let place else { continue }
            let lists = [place["steps"], place["buildConfig"]?["steps"], place["config"]?["steps"]]
            for case .some(.array(let values)) in lists where !values.isEmpty { return values.map(step) }
            let tasks = (place["tasks"] ?? place["buildConfig"]?["tasks"])?.array ?? []
            let steps = tasks.flatMap { $0["steps"]?.array ?? [$0] }
            if !steps.isEmpty { return steps.map(step) }
        }
        return []
    }

    private static func step(_ value: JSONValue) -> SLSAProvenance.Step {
        if let text = value.string {
            return SLSAProvenance.Step(
                id: "", name: "", entryPoint: text, arguments: [], environment: [], directory: "")
        }
        let arguments = value["args"] ?? value["arguments"] ?? value["command"]
        let environment = value["env"] ?? value["environment"]
        var variables: [String] = []
        for variable in environment?.array ?? [] {
            if let text = variable.string {
                variables.append(text)
            } else if let name = variable["name"]?.string {
                variables.append(name + "=" + (variable["value"]?.string ?? ""))
            }
        }
        for member in environment?.members ?? [] {
            if let text = member.value.string { variables.append(member.name + "=" + text) }
        }
        return SLSAProvenance.Step(
            id: value["id"]?.string ?? "",
            name: value["name"]?.string ?? value["image"]?.string ?? value["environment"]?["container"]?.string ?? "",
            entryPoint: value["entrypoint"]?.string ?? value["entryPoint"]?.string ?? "",
            arguments: arguments?.array?.compactMap(\.string) ?? (arguments?.string).map { [$0] } ?? [],
            environment: variables,
            directory: value["dir"]?.string ?? value["directory"]?.string ?? value["workingDir"]?.string ?? "")
    }
}
