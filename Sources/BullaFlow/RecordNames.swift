// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import BullaGrafeas

/// The names that join the chain: which project and which notes the record of an image goes to.
public struct RecordNames: Sendable, Hashable {
    /// The name under which our registry's images are known, never the Host header of a request.
    public let registryName: String
    /// The project of images whose repository has one segment only.
    public let defaultProject: String
    /// The project that holds the notes about vulnerabilities.
    public let vulnerabilityProvider: String
    /// The project that holds the notes about discovery and packages.
    public let analysisProvider: String

    /// Sets the names.
    ///
    /// - Throws: `invalidArgument` when a project's id is malformed.
    public init(
        registryName: String, defaultProject: String = "default", vulnerabilityProvider: String = "goog-vulnz",
        analysisProvider: String = "goog-analysis"
    ) throws(BullaError) {
        for project in [defaultProject, vulnerabilityProvider, analysisProvider] {
            _ = try ProjectName(project: project)
        }
        self.registryName = registryName
        self.defaultProject = defaultProject
        self.vulnerabilityProvider = vulnerabilityProvider
        self.analysisProvider = analysisProvider
    }

    /// The project that the record of an image belongs to: the first of two or more segments of its repository.
    ///
    /// - Throws: `invalidArgument` when that segment cannot be a project's id.
    public func project(of image: ImageReference) throws(BullaError) -> ProjectName {
        guard let slash = image.repository.firstIndex(of: "/") else {
            return try ProjectName(project: defaultProject)
        }
        return try ProjectName(project: String(image.repository[..<slash]))
    }

    /// The image of a repository of our own registry.
    public func image(repository: String, digest: Digest) -> ImageReference {
        ImageReference(registry: registryName, repository: repository, digest: digest)
    }

    /// The note of a vulnerability.
    ///
    /// - Throws: `invalidArgument` when the id cannot be a note's.
    public func vulnerabilityNote(_ id: String) throws(BullaError) -> NoteName {
        try NoteName(parent: try ProjectName(project: vulnerabilityProvider), id: id)
    }

    /// The note that discovery occurrences are attached to.
    ///
    /// - Throws: `invalidArgument` never, once the names were checked.
    public func discoveryNote() throws(BullaError) -> NoteName {
        try NoteName(parent: try ProjectName(project: analysisProvider), id: "PACKAGE_VULNERABILITY")
    }

    /// The note that package occurrences are attached to.
    ///
    /// - Throws: `invalidArgument` never, once the names were checked.
    public func packageNote() throws(BullaError) -> NoteName {
        try NoteName(parent: try ProjectName(project: analysisProvider), id: "PACKAGE")
    }
}
