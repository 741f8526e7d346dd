// SPDX-License-Identifier: Apache-2.0

/// A package that is installed in an image.
public struct Package: Hashable, Sendable {
    /// Where a package was found.
    public struct Location: Hashable, Sendable, Comparable {
        /// The file, relative to the root, without a leading slash.
        public let path: String
        /// The digest of the layer that brought the package, compressed as the manifest names it; none for a folder.
        public let layer: Digest?

        /// Names a place.
        public init(path: String, layer: Digest?) {
            self.path = path
            self.layer = layer
        }

        /// Orders by path, then layer.
        public static func < (left: Location, right: Location) -> Bool {
            if left.path != right.path { return left.path < right.path }
            switch (left.layer, right.layer) {
            case (let left?, let right?): return left < right
            case (nil, _?): return true
            default: return false
            }
        }
    }

    /// The source package from which a distribution built a binary one.
    public struct Source: Hashable, Sendable {
        /// The source package's name.
        public let name: String
        /// The source package's version.
        public let version: String

        /// Names a source package.
        public init(name: String, version: String) {
            self.name = name
            self.version = version
        }
    }

    /// The name as the package's own system writes it.
    public let name: String
    /// The version as the package's own system writes it.
    public let version: String
    /// The purl type, such as `deb`, `apk` or `pypi`.
    public let type: String
    /// The package URL.
    public let purl: PackageURL
    /// The source package, for distribution packages.
    public let source: Source?
    /// The architecture the package states.
    public let architecture: String?
    /// The licence the package states.
    public let license: String?
    /// The package URL of the distribution package that owns this language package's files, if one does.
    ///
    /// Such a package is judged by the distribution alone: its fixes are backported, so its version says nothing.
    public var owner: PackageURL?
    /// Where it was found.
    public var locations: [Location]

    /// Describes an installed package.
    public init(
        name: String, version: String, type: String, purl: PackageURL, source: Source? = nil,
        architecture: String? = nil, license: String? = nil, owner: PackageURL? = nil, locations: [Location]
    ) {
        self.name = name
        self.version = version
        self.type = type
        self.purl = purl
        self.source = source
        self.architecture = architecture
        self.license = license
        self.owner = owner
        self.locations = locations
    }
}
