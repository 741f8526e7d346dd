// SPDX-License-Identifier: Apache-2.0

/// What an image holds: its distribution and its packages.
public struct Inventory: Hashable, Sendable {
    /// A file that could not be read or was left out, and why.
    public struct Problem: Hashable, Sendable {
        /// The file, relative to the root; a layer's digest where a whole layer is meant.
        public let path: String
        /// Why it was left out.
        public let reason: String

        /// Reports a file.
        public init(path: String, reason: String) {
            self.path = path
            self.reason = reason
        }
    }

    /// The distribution; none where no file names one.
    public var distribution: Distribution?
    /// The packages, sorted by package URL.
    public var packages: [Package]
    /// What could not be read, sorted by path.
    public var problems: [Problem]

    /// Lists what an image holds.
    public init(distribution: Distribution? = nil, packages: [Package] = [], problems: [Problem] = []) {
        self.distribution = distribution
        self.packages = packages
        self.problems = problems
    }
}
