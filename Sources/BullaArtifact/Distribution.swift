// SPDX-License-Identifier: Apache-2.0

/// The operating-system distribution of an image, as its os-release says.
///
/// https://www.freedesktop.org/software/systemd/man/latest/os-release.html
public struct Distribution: Hashable, Sendable {
    /// `ID`, such as `debian`.
    public let id: String
    /// `VERSION_ID`, such as `12` or `3.20.1`; none for rolling releases.
    public let version: String?
    /// `VERSION_CODENAME`, such as `bookworm`.
    public let codename: String?
    /// `ID_LIKE`, nearest relative first.
    public let idLike: [String]
    /// `PRETTY_NAME`.
    public let name: String?

    /// Describes a distribution.
    public init(
        id: String, version: String?, codename: String? = nil, idLike: [String] = [], name: String? = nil
    ) {
        self.id = id
        self.version = version
        self.codename = codename
        self.idLike = idLike
        self.name = name
    }
}
