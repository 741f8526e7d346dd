// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// One kind of package: which files tell about it, and what they say.
///
/// A cataloger is a value without state: files in, packages out. It sees a file's bytes and never the file system, so
/// links, layers and limits are not its business.
public protocol Cataloger: Sendable {
    /// The files that it reads.
    var wanted: WantedPaths { get }
    /// Whether the packages are the distribution's own, which can own the files of others.
    var isDistribution: Bool { get }
    /// The largest file that it reads; a larger one is reported.
    var largestFile: Int { get }

    /// Reads a file.
    ///
    /// - Throws: `invalidArgument` when the file as a whole cannot be understood.
    func catalog(_ file: CatalogFile) throws(BullaError) -> CatalogResult

    /// The package URL of a package that was found in an image of this distribution.
    func purl(of package: FoundPackage, in distribution: Distribution?) -> PackageURL
}

/// The files that a cataloger reads; paths are relative to the root and have no leading slash.
public struct WantedPaths: Sendable, Hashable {
    /// The files of one directory.
    public struct Directory: Sendable, Hashable {
        /// The directory.
        public let path: String
        /// How the wanted files' names end.
        public let suffix: String

        /// Wants the files of `path` whose names end with `suffix`.
        public init(_ path: String, suffix: String = "") {
            self.path = path
            self.suffix = suffix
        }
    }

    /// Files at fixed places; found through links too.
    public var files: [String]
    /// Files of fixed directories; found through links too.
    public var directories: [Directory]
    /// Files anywhere whose paths end so.
    public var suffixes: [String]

    /// Wants files.
    public init(files: [String] = [], directories: [Directory] = [], suffixes: [String] = []) {
        self.files = files
        self.directories = directories
        self.suffixes = suffixes
    }
}

/// A file that a cataloger wanted.
public struct CatalogFile: Sendable {
    /// The path, relative to the root.
    public let path: String
    /// The content.
    public let bytes: [UInt8]
    /// Which owned files are worth remembering: those that other catalogers read.
    let ownable: PathMatcher

    /// The last part of the path.
    public var name: Substring { path[(path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex)...] }

    /// Presents a file.
    public init(path: String, bytes: [UInt8]) {
        self.init(path: path, bytes: bytes, ownable: PathMatcher([]))
    }

    init(path: String, bytes: [UInt8], ownable: PathMatcher) {
        self.path = path
        self.bytes = bytes
        self.ownable = ownable
    }
}

/// A package as a file tells of it, before the distribution is known.
public struct FoundPackage: Sendable, Hashable {
    /// The name.
    public var name: String
    /// The version.
    public var version: String
    /// The architecture.
    public var architecture: String?
    /// The source package's name, where it is stated.
    public var sourceName: String?
    /// The source package's version, where it is stated.
    public var sourceVersion: String?
    /// The licence.
    public var license: String?
    /// The name under which other files speak of the package, where it is another.
    public var recordName: String?

    /// Describes a package.
    public init(
        name: String, version: String, architecture: String? = nil, sourceName: String? = nil,
        sourceVersion: String? = nil, license: String? = nil, recordName: String? = nil
    ) {
        self.name = name
        self.version = version
        self.architecture = architecture
        self.sourceName = sourceName
        self.sourceVersion = sourceVersion
        self.license = license
        self.recordName = recordName
    }
}

/// What a cataloger found in a file.
public struct CatalogResult: Sendable, Hashable {
    /// A file that a package owns.
    public struct Ownership: Sendable, Hashable {
        /// The owner's name, with `:` and the architecture where that is stated, or its record name.
        public let owner: String
        /// The file, normalised.
        public let path: [UInt8]
    }

    /// The packages.
    public var packages: [FoundPackage] = []
    /// The files that packages own.
    public var owned: [Ownership] = []
    /// What in the file could not be understood.
    public var problems: [String] = []

    /// Found nothing yet.
    public init() {}
}
