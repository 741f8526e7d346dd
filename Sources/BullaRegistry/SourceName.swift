// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
import Foundation

/// Where an image is, as the command line names it.
public enum SourceName: Sendable, Hashable, CustomStringConvertible {
    /// `oci-dir:D[:TAG]`: an OCI layout in a folder.
    case layout(folder: String, tag: String?)
    /// `oci-archive:F[:TAG]`: an OCI layout in a tar archive.
    case layoutArchive(file: String, tag: String?)
    /// `docker-archive:F[:TAG]`: what `docker save` wrote.
    case dockerArchive(file: String, tag: String?)
    /// `dir:D`: a file system in a folder, which is no image.
    case folder(String)
    /// Anything else: an image in a registry.
    case registry(ImageReference)

    /// Reads a name.
    ///
    /// After the path of a layout or archive a colon begins a tag, unless something with the colon in its name exists.
    ///
    /// - Throws: `invalidArgument` when it is neither a scheme with a path nor an image reference.
    public init(_ text: String) throws(BullaError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let rest = parts.count == 2 ? parts[1] : ""
        switch parts.first {
        case "oci-dir", "oci-archive", "docker-archive", "dir":
            guard !rest.isEmpty else {
                throw BullaError(.invalidArgument, "'\(text.prefix(300))' names no path")
            }
        default: break
        }
        let (path, tag) = Self.split(rest)
        switch parts.first {
        case "oci-dir": self = .layout(folder: path, tag: tag)
        case "oci-archive": self = .layoutArchive(file: path, tag: tag)
        case "docker-archive": self = .dockerArchive(file: path, tag: tag)
        case "dir": self = .folder(rest)
        default: self = .registry(try ImageReference(text))
        }
    }

    private static func split(_ text: String) -> (path: String, tag: String?) {
        guard !FileManager.default.fileExists(atPath: text), let colon = text.firstIndex(of: ":") else {
            return (text, nil)
        }
        let slash = text.lastIndex(of: "/") ?? text.startIndex
        let first = slash < colon ? colon : text[slash...].firstIndex(of: ":")
        guard let first, first > text.startIndex else { return (text, nil) }
        let tag = String(text[text.index(after: first)...])
        return (String(text[..<first]), tag.isEmpty ? nil : tag)
    }

    /// The name, as it is read.
    public var description: String {
        func with(_ tag: String?) -> String { tag.map { ":\($0)" } ?? "" }
        return switch self {
        case .layout(let folder, let tag): "oci-dir:\(folder)\(with(tag))"
        case .layoutArchive(let file, let tag): "oci-archive:\(file)\(with(tag))"
        case .dockerArchive(let file, let tag): "docker-archive:\(file)\(with(tag))"
        case .folder(let folder): "dir:\(folder)"
        case .registry(let image): image.description
        }
    }

    /// Opens the image, for everything that is one.
    ///
    /// - Parameter client: The client that reads from registries.
    /// - Returns: The source, or nil for a folder that is no image.
    /// - Throws: As the sources.
    public func open(with client: RegistryClient) async throws(BullaError) -> (any ImageSource)? {
        switch self {
        case .layout(let folder, let tag): try await OCILayout(folder: folder, tag: tag)
        case .layoutArchive(let file, let tag): try await OCILayout(archive: file, tag: tag)
        case .dockerArchive(let file, let tag): try await DockerArchive(file, tag: tag)
        case .folder: nil
        case .registry(let image): RegistrySource(client, image)
        }
    }
}
