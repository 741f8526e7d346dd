// SPDX-License-Identifier: Apache-2.0

import BullaArtifact

/// Makes the inventory of a root file system from what was remembered of its layers.
struct InventoryAssembly {
    /// A file of the image that a cataloger reads.
    private struct Candidate: Hashable {
        let taker: Int
        let path: [UInt8]
        let content: FileTree.Content
    }

    /// A package with where it comes from.
    private struct Found {
        let taker: Int
        let package: FoundPackage
        let path: [UInt8]
        let content: FileTree.Content
    }

    private struct Origin: Hashable {
        let taker: Int
        let package: FoundPackage
        /// Empty for the distribution's packages, whose database moves as a whole.
        let path: String
    }

    private let catalog: Catalog
    private var layers: [LayerContents]
    private var tree: FileTree
    private var candidates: [Candidate] = []
    private var problems: Set<Inventory.Problem> = []

    /// Lays the layers over each other.
    ///
    /// - Throws: `resourceExhausted` when they name too many paths.
    init(_ catalog: Catalog, _ layers: [LayerContents]) throws(BullaError) {
        self.catalog = catalog
        self.layers = layers
        tree = FileTree(limit: catalog.limits.paths)
        var problems: Set<Inventory.Problem> = []
        for (index, layer) in layers.enumerated() {
            problems.formUnion(layer.problems)
            try tree.apply(layer.log, layer: index) { path, reason in
                if problems.count < catalog.limits.problems {
                    problems.insert(Inventory.Problem(path: RootPath.text(path), reason: reason))
                }
            }
            self.layers[index].log = LayerLog()
        }
        self.problems = problems
        findCandidates()
    }

    // MARK: Which files

    private mutating func findCandidates() {
        var seen: Set<Candidate> = []
        var linked: [Candidate] = []
        for (place, wanted) in catalog.wanted.enumerated() {
            for file in wanted.files {
                guard let node = tree.lookUp(Array(file.utf8)), let content = tree.content(of: node),
                    let path = tree.path(of: node)
                else { continue }
                let candidate = Candidate(taker: place, path: path, content: content)
                if seen.insert(candidate).inserted { candidates.append(candidate) }
            }
            for directory in wanted.directories {
                guard let folder = tree.lookUp(Array(directory.path.utf8)) else { continue }
                for child in tree.children(of: folder, suffix: Array(directory.suffix.utf8)) {
                    guard let node = tree.resolve(child), let content = tree.content(of: node),
                        let path = tree.path(of: child)
                    else { continue }
                    let candidate = Candidate(taker: place, path: path, content: content)
                    if seen.insert(candidate).inserted { candidates.append(candidate) }
                }
            }
        }
        for child in tree.wantedNodes {
            guard let path = tree.path(of: child), let node = tree.resolve(child),
                let content = tree.content(of: node)
            else { continue }
            for place in catalog.places(in: catalog.matcher.takersAnywhere(of: path)) {
                let candidate = Candidate(taker: place, path: path, content: content)
                if node != child {
                    linked.append(candidate)
                } else if seen.insert(candidate).inserted {
                    candidates.append(candidate)
                }
            }
        }
        // A symbolic link to a file that is read anyway is the same package, not another.
        let direct = Set(candidates.map { Candidate(taker: $0.taker, path: [], content: $0.content) })
        for candidate in linked
        where !direct.contains(Candidate(taker: candidate.taker, path: [], content: candidate.content)) {
            candidates.append(candidate)
        }
    }

    /// What has to be read again: by layer, the entries whose content was not kept because its name was not wanted.
    var missingContent: [Int: [Int: (path: [UInt8], takers: PathMatcher.Takers)]] {
        var missing: [Int: [Int: (path: [UInt8], takers: PathMatcher.Takers)]] = [:]
        for candidate in candidates where file(of: candidate) == nil {
            let content = candidate.content
            var need = missing[content.layer]?[content.entry] ?? (candidate.path, [])
            need.takers.insert(PathMatcher.Takers(candidate.taker))
            missing[content.layer, default: [:]][content.entry] = need
        }
        return missing
    }

    /// Adds what the second reading of a layer brought.
    mutating func add(_ files: [Int: [LayerContents.File]], layer: Int) {
        layers[layer].files.merge(files) { $0 + $1 }
    }

    private func file(of candidate: Candidate) -> LayerContents.File? {
        layers[candidate.content.layer].files[candidate.content.entry]?.first { $0.taker == candidate.taker }
    }

    // MARK: What they say

    /// The inventory.
    mutating func inventory() -> Inventory {
        var texts: [String: [UInt8]] = [:]
        var found: [Found] = []
        var owned: [CatalogResult.Ownership] = []
        for candidate in candidates {
            let path = RootPath.text(candidate.path)
            switch file(of: candidate)?.outcome {
            case .result(let result):
                for package in result.packages {
                    found.append(
                        Found(
                            taker: candidate.taker, package: package, path: candidate.path, content: candidate.content))
                }
                owned += result.owned
                for problem in result.problems { report(path, problem) }
            case .text(let bytes): texts[path] = bytes
            case .problem(let reason): report(path, reason)
            case nil: report(path, "the content could not be found again")
            }
        }
        let distribution = OSRelease.distribution { file in
            guard let node = tree.lookUp(Array(file.utf8)), let path = tree.path(of: node) else { return nil }
            return texts[RootPath.text(path)]
        }
        let packages = packages(found, owned, in: distribution)
        return Inventory(
            distribution: distribution, packages: packages,
            problems: problems.sorted { ($0.path, $0.reason) < ($1.path, $1.reason) })
    }

    private mutating func report(_ path: String, _ reason: String) {
        if problems.count < catalog.limits.problems { problems.insert(Inventory.Problem(path: path, reason: reason)) }
    }

    private func packages(
        _ found: [Found], _ owned: [CatalogResult.Ownership], in distribution: Distribution?
    ) -> [Package] {
        struct Key: Hashable {
            let purl: PackageURL
            let owner: PackageURL?
        }
        let origins = origins(of: found)
        let purls = found.map { catalog.catalogers[$0.taker].purl(of: $0.package, in: distribution) }
        let owners = owners(found, purls, owned)
        var packages: [Key: Package] = [:]
        for (index, item) in found.enumerated() {
            let cataloger = catalog.catalogers[item.taker]
            var owner: PackageURL?
            if !cataloger.isDistribution, let node = tree.lookUp(item.path) { owner = owners[node] }
            let path = RootPath.text(item.path)
            let origin = Origin(
                taker: item.taker, package: item.package, path: cataloger.isDistribution ? "" : path)
            let layer = layers[origins[origin] ?? item.content.layer].digest
            let location = Package.Location(path: path, layer: layer)
            let key = Key(purl: purls[index], owner: owner)
            if packages[key] != nil {
                if packages[key]?.locations.contains(location) == false { packages[key]?.locations.append(location) }
                continue
            }
            let package = item.package
            packages[key] = Package(
                name: package.name, version: package.version, type: key.purl.type, purl: key.purl,
                source: cataloger.isDistribution
                    ? Package.Source(
                        name: package.sourceName ?? package.name, version: package.sourceVersion ?? package.version)
                    : nil,
                architecture: package.architecture, license: package.license, owner: owner, locations: [location])
        }
        let named = packages.values.map { package in
            var package = package
            package.locations.sort()
            return (purl: package.purl.description, owner: package.owner?.description ?? "", package: package)
        }
        return named.sorted { ($0.purl, $0.owner) < ($1.purl, $1.owner) }.map(\.package)
    }

    /// The first layer in which each package appears: a database that a later layer writes again brings only what is
    /// new in it.
    private func origins(of found: [Found]) -> [Origin: Int] {
        let wanted = Set(found.lazy.map(\.taker))
        var origins: [Origin: Int] = [:]
        for (index, layer) in layers.enumerated() {
            for files in layer.files.values {
                for file in files where wanted.contains(file.taker) {
                    guard case .result(let result) = file.outcome else { continue }
                    let path = catalog.catalogers[file.taker].isDistribution ? "" : file.path
                    for package in result.packages {
                        let origin = Origin(taker: file.taker, package: package, path: path)
                        if origins[origin] == nil { origins[origin] = index }
                    }
                }
            }
        }
        return origins
    }

    /// The distribution's package that owns a file, for the files that other catalogers read.
    private func owners(
        _ found: [Found], _ purls: [PackageURL], _ owned: [CatalogResult.Ownership]
    ) -> [FileTree.Node: PackageURL] {
        guard !owned.isEmpty else { return [:] }
        var names: [String: PackageURL] = [:]
        for (index, item) in found.enumerated() where catalog.catalogers[item.taker].isDistribution {
            let package = item.package
            names[package.name] = purls[index]
            if let architecture = package.architecture { names["\(package.name):\(architecture)"] = purls[index] }
            if let record = package.recordName { names[record] = purls[index] }
        }
        var owners: [FileTree.Node: PackageURL] = [:]
        for ownership in owned {
            guard let owner = names[ownership.owner], let node = tree.lookUp(ownership.path) else { continue }
            owners[node] = owner
        }
        return owners
    }
}
