// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// The layers of an image, lowest first, as one root file system.
///
/// Nothing is unpacked to the disk. Layers are read in parallel, each in one stream; then their names are laid over
/// each other in order, and what the files that remain say of packages makes the inventory. Time grows with the bytes of
/// the layers; memory with the number of paths (some 60 bytes each, 20 more while their layer waits for its turn), the
/// packages, and one kept file for each layer that is being read.
public struct LayerStack: Sendable {
    private let layers: [LayerInput]
    private let catalog: Catalog

    /// Takes the layers of an image, lowest first.
    public init(
        _ layers: [LayerInput], catalogers: [any Cataloger] = StandardCatalogers.all,
        limits: CatalogLimits = CatalogLimits()
    ) {
        self.layers = layers
        catalog = Catalog(catalogers, limits: limits)
    }

    /// Reads the layers.
    ///
    /// - Parameters:
    ///   - known: What is remembered of a layer, by its digest; such a layer is not read.
    ///   - learned: Told of every layer that was read.
    /// - Returns: What the image holds, sorted.
    /// - Throws: `dataLoss` for a layer that is damaged or not the one that was named, `resourceExhausted` when a limit
    ///   is met, both naming the layer, and what opening a layer throws.
    public func inventory(
        known: @Sendable (Digest) async -> LayerContents? = { _ in nil },
        learned: @Sendable (LayerContents) async -> Void = { _ in }
    ) async throws(BullaError) -> Inventory {
        guard layers.count < Int(UInt16.max) else {
            throw BullaError(.resourceExhausted, "the image has \(layers.count) layers")
        }
        let reader = LayerReader(catalog: catalog)
        var contents: [LayerContents?] = []
        for layer in layers { contents.append(await known(layer.descriptor.digest)) }
        let missing = contents.indices.filter { contents[$0] == nil }
        // A layer that is in the image twice is read once.
        var firsts: [Digest: Int] = [:]
        for index in missing where firsts[layers[index].descriptor.digest] == nil {
            firsts[layers[index].descriptor.digest] = index
        }
        let work = firsts.values.sorted()
        let layers = self.layers
        let width = catalog.limits.parallelLayers
        let read = try await concurrently(work, width: width) { (index) throws(BullaError) in
            try await reader.read(layers[index])
        }
        for (index, result) in zip(work, read) {
            await learned(result)
            for place in missing where layers[place].descriptor.digest == layers[index].descriptor.digest {
                contents[place] = result
            }
        }
        var assembly = try InventoryAssembly(catalog, contents.compactMap { $0 })
        let needs = assembly.missingContent.sorted { $0.key < $1.key }
        let found = try await concurrently(needs, width: width) { (need) throws(BullaError) in
            try await reader.reread(layers[need.key], for: need.value)
        }
        for (need, files) in zip(needs, found) { assembly.add(files, layer: need.key) }
        return assembly.inventory()
    }
}

/// Does the work in order, at most `width` pieces at a time; the first error in that order is thrown.
private func concurrently<Work: Sendable, Result: Sendable>(
    _ work: [Work], width: Int, _ body: @escaping @Sendable (Work) async throws(BullaError) -> Result
) async throws(BullaError) -> [Result] {
    do {
        return try await withThrowingTaskGroup(of: (Int, Swift.Result<Result, BullaError>).self) { group in
            var results: [Swift.Result<Result, BullaError>?] = Array(repeating: nil, count: work.count)
            var next = 0
            var failed = false
            func start() {
                let index = next
                let piece = work[index]
                next += 1
                group.addTask {
                    do throws(BullaError) {
                        return (index, .success(try await body(piece)))
                    } catch {
                        return (index, .failure(error))
                    }
                }
            }
            while next < min(width, work.count) { start() }
            while let (index, result) = try await group.next() {
                results[index] = result
                if case .failure = result { failed = true }
                // After a failure nothing new begins, but what has begun ends, so that the error does not depend on
                // which piece was quicker.
                if !failed, next < work.count { start() }
            }
            return try results.compactMap { try $0?.get() }
        }
    } catch {
        throw BullaError(wrapping: error, while: "reading layers")
    }
}
