// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import Foundation

/// An OCI image layout whose layers are made of this machine's files by `tar` and `gzip`.
///
/// https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md
struct ImageLayout {
    private let folder: String

    /// Names a folder.
    init(_ folder: String) { self.folder = folder }

    /// Makes the image, or takes the one that is there.
    ///
    /// - Returns: How large the layers are when unpacked, in bytes.
    func build(_ layers: [[String]]) throws -> Int {
        let note = "\(folder)/unpacked"
        if let text = try? String(contentsOfFile: note, encoding: .utf8), let size = Int(text) { return size }
        let blobs = "\(folder)/blobs/sha256"
        try FileManager.default.createDirectory(atPath: blobs, withIntermediateDirectories: true)
        var unpacked = 0
        var diffIDs: [String] = []
        var descriptors: [String] = []
        for (number, paths) in layers.enumerated() {
            let file = "\(folder)/layer-\(number).tar"
            let present = paths.filter { FileManager.default.fileExists(atPath: "/\($0)") }
            // Status 1: a file changed while it was read, which hurts nobody here.
            try ChildProcess.run(
                ["tar", "-C", "/", "--sort=name", "--mtime=@0", "-cf", file] + present, accepting: [0, 1])
            let (diffID, size) = try digest(ofFile: file)
            diffIDs.append(#""\#(diffID)""#)
            unpacked += size
            try ChildProcess.run(["gzip", "-n", "-6", "-f", file])
            descriptors.append(try keep("\(file).gz", "application/vnd.oci.image.layer.v1.tar+gzip"))
        }
        let config = try keep(
            #"{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["#
                + diffIDs.joined(separator: ",") + "]}}", "application/vnd.oci.image.config.v1+json")
        let manifest = try keep(
            #"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":\#(config),"layers":["#
                + descriptors.joined(separator: ",") + "]}", "application/vnd.oci.image.manifest.v1+json")
        try write(#"{"imageLayoutVersion":"1.0.0"}"#, to: "\(folder)/oci-layout")
        try write(#"{"schemaVersion":2,"manifests":[\#(manifest)]}"#, to: "\(folder)/index.json")
        try write("\(unpacked)", to: note)
        return unpacked
    }

    /// Moves a file among the blobs and describes it.
    private func keep(_ file: String, _ mediaType: String) throws -> String {
        if !file.hasPrefix("/") {
            let path = "\(folder)/document"
            try write(file, to: path)
            return try keep(path, mediaType)
        }
        let (digest, size) = try digest(ofFile: file)
        let blob = "\(folder)/blobs/sha256/\(digest.hexadecimal)"
        try? FileManager.default.removeItem(atPath: blob)
        try FileManager.default.moveItem(atPath: file, toPath: blob)
        return #"{"mediaType":"\#(mediaType)","digest":"\#(digest)","size":\#(size)}"#
    }

    private func write(_ text: String, to path: String) throws { try Data(text.utf8).write(to: URL(filePath: path)) }

    private func digest(ofFile path: String) throws -> (BullaArtifact.Digest, Int) {
        let handle = try FileHandle(forReadingFrom: URL(filePath: path))
        defer { try? handle.close() }
        var hasher = DigestHasher()
        var size = 0
        while let chunk = try handle.read(upToCount: 1 << 20), !chunk.isEmpty {
            chunk.withUnsafeBytes { hasher.update($0) }
            size += chunk.count
        }
        return (hasher.finalize(), size)
    }
}
