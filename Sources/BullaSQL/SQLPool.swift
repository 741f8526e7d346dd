// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
import Synchronization

/// A database with one writer and several readers, each on a thread of its own.
///
/// Writes that arrive together are committed together: each runs in a savepoint of its own, one `COMMIT` and one fsync
/// serve them all, and none is answered before that. A write that fails takes back only its own savepoint. A reader sees
/// every write that was answered before it began.
public final class SQLPool: Sendable {
    private let writer: WriterConnection
    private let readers: [ReaderConnection]
    private let turn = Atomic<Int>(0)
    private let reading = Atomic<Int>(0)
    private let isClosed = Atomic<Bool>(false)

    /// More reads waiting at once than this are refused.
    private static let mostReads = 8192

    /// Opens a database file, made when it is missing.
    ///
    /// - Throws: `unavailable` when it cannot be opened, or would not be durable.
    public init(path: String, readers count: Int = 2) throws(BullaError) {
        writer = try WriterConnection(path: path)
        var readers: [ReaderConnection] = []
        for number in 0..<max(1, count) { readers.append(try ReaderConnection(path: path, number: number)) }
        self.readers = readers
    }

    /// Runs a closure on a connection that can only read, within one snapshot.
    ///
    /// - Throws: `unavailable` when too many reads wait, and what the closure throws.
    @discardableResult
    public func read<Value: Sendable>(
        _ body: @Sendable (any SQLConnection) throws(BullaError) -> Value
    ) async throws(BullaError) -> Value {
        guard !isClosed.load(ordering: .acquiring) else { throw Self.closed }
        let waiting = reading.add(1, ordering: .relaxed).newValue
        defer { reading.subtract(1, ordering: .relaxed) }
        guard waiting <= Self.mostReads else {
            throw BullaError(.unavailable, "the database has too many reads waiting")
        }
        let number = turn.wrappingAdd(1, ordering: .relaxed).newValue
        return try await readers[Int(UInt(bitPattern: number) % UInt(readers.count))].run(body)
    }

    /// Runs a closure in a transaction and answers when it is on the disk.
    ///
    /// The closure must do nothing but use the connection: it shares its transaction with others.
    ///
    /// - Throws: `unavailable` when too many writes wait or the commit fails, and what the closure throws.
    @discardableResult
    public func write<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws(BullaError) -> Value
    ) async throws(BullaError) -> Value {
        guard !isClosed.load(ordering: .acquiring) else { throw Self.closed }
        return try await writer.write(body)
    }

    /// Refuses what comes from now on, waits for the writes that came before, and empties the write-ahead log.
    public func close() async {
        isClosed.store(true, ordering: .releasing)
        await writer.checkpoint()
    }

    private static var closed: BullaError { BullaError(.unavailable, "the database is closed") }

    /// How many commits there have been, and how many writes they served.
    public var commits: (transactions: Int, writes: Int) { writer.queue.commits }
}

/// A connection that reads.
private actor ReaderConnection {
    private nonisolated let thread: ConnectionThread
    private let connection: SQLiteConnection

    init(path: String, number: Int) throws(BullaError) {
        thread = ConnectionThread(name: "sql-reader-\(number)")
        connection = try SQLiteConnection(path: path, access: .reading)
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    func run<Value: Sendable>(
        _ body: @Sendable (any SQLConnection) throws(BullaError) -> Value
    ) throws(BullaError) -> Value {
        try connection.execute("BEGIN", [])
        do throws(BullaError) {
            let value = try body(connection)
            try connection.execute("COMMIT", [])
            return value
        } catch {
            if connection.isInTransaction { try connection.execute("ROLLBACK", []) }
            throw error
        }
    }
}
