// SPDX-License-Identifier: Apache-2.0

/// What a tar archive says about one member.
public struct TarEntry: Sendable, Hashable {
    /// What a member is.
    public enum Kind: UInt8, Sendable {
        /// A regular file, or of a type unknown here, which POSIX asks to be read as one.
        case file
        /// Another name of a file that came before; its content is that file's.
        case hardLink
        /// A symbolic link.
        case symbolicLink
        /// A directory.
        case directory
        /// A device or a FIFO.
        case special
    }

    /// What the member is.
    public let kind: Kind
    /// The name as the archive has it: neither normalised nor checked.
    public let path: [UInt8]
    /// The target of a link as the archive has it.
    public let linkTarget: [UInt8]
    /// How many bytes the file has, holes included.
    public let size: UInt64
    /// The permission bits.
    public let mode: UInt32
    /// Where the member's header begins in the archive.
    public let offset: UInt64

    /// Describes a member.
    public init(kind: Kind, path: [UInt8], linkTarget: [UInt8] = [], size: UInt64, mode: UInt32, offset: UInt64) {
        self.kind = kind
        self.path = path
        self.linkTarget = linkTarget
        self.size = size
        self.mode = mode
        self.offset = offset
    }
}

/// A step of reading a tar archive.
public enum TarEvent {
    /// A member begins.
    case entry(TarEntry)
    /// The next bytes of the member's content, valid only during the call.
    case content(UnsafeRawBufferPointer)
    /// A hole of a sparse file: so many bytes of zeros.
    case hole(UInt64)
    /// The member of kind `file` ends.
    case end
}
