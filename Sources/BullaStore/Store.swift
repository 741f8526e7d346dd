// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
public import BullaGrafeas
import BullaJobs
import BullaLog
import BullaSQL
public import Foundation

/// All that a server keeps in SQL, opened from its data folder: records, manifests, the log, jobs and settings.
///
/// One server at a time holds a folder. What a write answered is on the disk.
public final class Store: Sendable {
    /// Notes and occurrences; the metadata API over them is ``metadata(now:)``.
    public let records: SQLMetadataStore
    /// The manifests, tags and links of our own registry.
    public let manifests: SQLManifestStore
    /// What happened, in one order.
    public let log: SQLLogStore
    /// What is to be done.
    public let jobs: SQLJobQueue
    /// What is remembered with the data, such as the registry's name.
    public let settings: SQLSettings

    private let pageTokens: PageTokens
    private let pool: SQLPool
    private let lock: DataLock

    /// Opens the store in a folder, which is made when it is missing, and brings its tables up to date.
    ///
    /// Jobs that were leased when the last server ended wait again.
    ///
    /// - Throws: `failedPrecondition` when another server holds the folder or a later Bulla wrote it, `unavailable`
    ///   when it cannot be read or written, `dataLoss` when the database is damaged.
    public static func open(directory: String, readers: Int = 2) async throws(BullaError) -> Store {
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw BullaError(.unavailable, "the data folder \(directory) cannot be made", cause: error)
        }
        let lock = try DataLock(path: "\(directory)/lock")
        let tokens = try PageTokens(key: try key(at: "\(directory)/page-token.key"))
        let pool = try SQLPool(path: "\(directory)/bulla.db", readers: readers)
        try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            try Migrations.run(on: connection)
            try SQLJobQueue.recover(on: connection)
        }
        try flushFolder(directory)
        return Store(pool: pool, lock: lock, pageTokens: tokens)
    }

    private init(pool: SQLPool, lock: DataLock, pageTokens: PageTokens) {
        let additions = ChangeSignal()
        records = SQLMetadataStore(pool: pool, signal: additions)
        manifests = SQLManifestStore(pool: pool, signal: additions)
        log = SQLLogStore(pool: pool, signal: additions)
        jobs = SQLJobQueue(pool: pool, signal: ChangeSignal())
        settings = SQLSettings(pool: pool)
        self.pool = pool
        self.lock = lock
        self.pageTokens = pageTokens
    }

    /// The metadata API over this store.
    public func metadata(now: @escaping @Sendable () -> Date = { Date() }) -> MetadataService {
        MetadataService(store: records, tokens: pageTokens, now: now)
    }

    /// Ends the store: what was answered is on the disk already; what comes after is refused, and another server may
    /// have the folder.
    public func close() async {
        await pool.close()
        lock.giveBack()
    }

    /// The ids of all projects to which something was ever written, in order.
    ///
    /// - Throws: `unavailable` when the store cannot read.
    public func projects(after last: String = "", limit: Int) async throws(BullaError) -> [String] {
        try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try connection.rows(
                "SELECT id FROM projects WHERE id > ? ORDER BY id LIMIT ?",
                [.text(last), .integer(Int64(max(0, limit)))]
            ) { $0.text(0) }
        }
    }

    /// Answers when the database can be read and written, for a readiness check.
    ///
    /// - Throws: `unavailable` when it cannot.
    public func ping() async throws(BullaError) {
        try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            try connection.first("SELECT 1") { $0.integer(0) }
        }
    }

    /// How many commits there have been, and how many writes they served.
    public var commits: (transactions: Int, writes: Int) { pool.commits }

    /// The key of page tokens, made at the first start.
    private static func key(at path: String) throws(BullaError) -> [UInt8] {
        if let data = FileManager.default.contents(atPath: path), data.count == 32 { return Array(data) }
        var generator = SystemRandomNumberGenerator()
        let key = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
        try writeSecret(key, to: path)
        return key
    }
}
