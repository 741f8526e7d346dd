// SPDX-License-Identifier: Apache-2.0

/// The media types of the OCI and Docker image formats that Bulla tells apart.
///
/// From https://github.com/opencontainers/image-spec/blob/v1.1.0/media-types.md and Docker's schema 2.
public enum MediaType {
    /// An OCI image manifest.
    public static let ociManifest = "application/vnd.oci.image.manifest.v1+json"
    /// An OCI image index.
    public static let ociIndex = "application/vnd.oci.image.index.v1+json"
    /// The configuration of an OCI image.
    public static let ociConfig = "application/vnd.oci.image.config.v1+json"
    /// The configuration of an artifact that needs none.
    public static let ociEmpty = "application/vnd.oci.empty.v1+json"
    /// A layer as a plain tar archive.
    public static let ociLayer = "application/vnd.oci.image.layer.v1.tar"
    /// A layer compressed by gzip.
    public static let ociLayerGzip = "application/vnd.oci.image.layer.v1.tar+gzip"
    /// A layer compressed by zstd.
    public static let ociLayerZstd = "application/vnd.oci.image.layer.v1.tar+zstd"
    /// Docker's image manifest, version 2 schema 2.
    public static let dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
    /// Docker's manifest list.
    public static let dockerList = "application/vnd.docker.distribution.manifest.list.v2+json"
    /// The configuration of a Docker image.
    public static let dockerConfig = "application/vnd.docker.container.image.v1+json"
    /// A Docker layer, compressed by gzip.
    public static let dockerLayer = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    /// A Docker layer that registries do not keep.
    public static let dockerForeignLayer = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"

    /// Whether the type is an index of manifests.
    public static func isIndex(_ type: String) -> Bool { type == ociIndex || type == dockerList }

    /// Whether the type is a manifest of one image or artifact.
    public static func isManifest(_ type: String) -> Bool { type == ociManifest || type == dockerManifest }

    /// Whether the type is the configuration of a container image.
    public static func isImageConfig(_ type: String) -> Bool { type == ociConfig || type == dockerConfig }

    /// Whether the type is a file-system layer of a container image, whatever its compression.
    public static func isLayer(_ type: String) -> Bool {
        type.hasPrefix("application/vnd.oci.image.layer.") || type.hasPrefix("application/vnd.docker.image.rootfs.")
    }

    /// Whether the layer's content lives outside registries.
    public static func isForeign(_ type: String) -> Bool {
        type.contains(".foreign.") || type.contains(".nondistributable.")
    }
}
