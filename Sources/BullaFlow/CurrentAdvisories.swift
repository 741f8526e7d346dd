// SPDX-License-Identifier: Apache-2.0

public import BullaAdvisory
public import BullaArtifact
import Foundation
import Glibc
import Synchronization

/// The advisory database in force: opened once, and again when another file takes its place.
///
/// A database is only ever replaced by rename, so a scan that has the old one keeps it whole. Asking costs one `stat`.
public final class CurrentAdvisories: Sendable {
    private struct Identity: Hashable {
        var device: UInt64
        var inode: UInt64
        var size: Int64
        var seconds: Int
        var nanoseconds: Int
    }

    private let path: String
    private let state = Mutex<(identity: Identity, database: AdvisoryDatabase)?>(nil)

    /// Watches a path.
    public init(path: String) { self.path = path }

    /// The database at the path now; none when there is no file.
    ///
    /// - Throws: `dataLoss` when the file is no database.
    public func database() throws(BullaError) -> AdvisoryDatabase? {
        guard let identity = identity() else { return nil }
        if let known = state.withLock({ $0 }), known.identity == identity { return known.database }
        let database = try AdvisoryDatabase(path: path)
        state.withLock { $0 = (identity, database) }
        return database
    }

    private func identity() -> Identity? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Identity(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
    }
}
