// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// A blob on its way into a repository.
///
/// The name is the only secret: whoever knows it may write. How far it has come is what the store has in its file, so it
/// survives a restart of the server; the running hash does not and is made anew from the file when it is needed.
public struct UploadSession: Sendable, Hashable {
    /// The name.
    public let id: UUID
    /// The repository that it was begun in, and that may serve the blob once it is whole.
    public let repository: String
    /// How many bytes have come.
    public let count: Int64

    /// Makes a session of its parts.
    public init(id: UUID, repository: String, count: Int64) {
        self.id = id
        self.repository = repository
        self.count = count
    }
}
