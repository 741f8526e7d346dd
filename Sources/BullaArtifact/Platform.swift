// SPDX-License-Identifier: Apache-2.0

/// An operating system and a processor architecture, as `linux/amd64` or `linux/arm/v7`.
///
/// The words are Go's, as the OCI image index says
/// (https://github.com/opencontainers/image-spec/blob/v1.1.0/image-index.md).
public struct Platform: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The operating system, such as `linux`.
    public let os: String
    /// The architecture, such as `amd64`.
    public let architecture: String
    /// The variant of the architecture, such as `v7`.
    public let variant: String?

    /// Names a platform by its parts.
    public init(os: String, architecture: String, variant: String? = nil) {
        self.os = os
        self.architecture = architecture
        self.variant = variant
    }

    /// Reads `OS/ARCH` or `OS/ARCH/VARIANT`.
    ///
    /// - Throws: `invalidArgument` for anything else.
    public init(_ text: String) throws(BullaError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard (2...3).contains(parts.count), !parts.contains("") else {
            throw BullaError(.invalidArgument, "platform '\(text.prefix(80))' is not OS/ARCH or OS/ARCH/VARIANT")
        }
        self.init(os: parts[0], architecture: parts[1], variant: parts.count == 3 ? parts[2] : nil)
    }

    /// The platform of this process: `linux` and the architecture it was built for.
    public static var current: Platform {
        #if arch(arm64)
            Platform(os: "linux", architecture: "arm64")
        #else
            Platform(os: "linux", architecture: "amd64")
        #endif
    }

    /// Whether an image for `other` serves a wish for this platform; a wish without a variant takes any.
    public func accepts(_ other: Platform) -> Bool {
        os == other.os && architecture == other.architecture && (variant == nil || variant == other.variant)
    }

    /// The text form.
    public var description: String { "\(os)/\(architecture)" + (variant.map { "/" + $0 } ?? "") }
}
