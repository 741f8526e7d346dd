// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import Glibc
import Synchronization

/// The one connection that writes, committing in groups.
///
/// A caller puts its write into the queue and hops to the connection's thread. Whoever arrives there first runs all that
/// wait; the others find their write done. So the group is exactly what gathered during the last fsync, and a lone write
/// waits for nobody.
actor WriterConnection {
    private nonisolated let thread: ConnectionThread
    private let connection: SQLiteConnection
    nonisolated let queue = WriteQueue()
    private var lastGroup = 0

    init(path: String) throws(BullaError) {
        thread = ConnectionThread(name: "sql-writer")
        connection = try SQLiteConnection(path: path, access: .readingAndWriting)
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    nonisolated func write<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws(BullaError) -> Value
    ) async throws(BullaError) -> Value {
        let box = WriteResult<Value>()
        let item = WriteQueue.Item(
            run: { (connection: any SQLConnection) throws(BullaError) in box.keep(try body(connection)) },
            fail: { box.fail($0) }, settle: { box.settle() })
        try queue.append(item)
        repeat { await drain() } while !box.isSettled
        return try box.result()
    }

    /// Runs what waits and moves the write-ahead log into the database, so that the next start has nothing to replay.
    ///
    /// A reader may keep a part of it from being moved; nothing is lost by that.
    func checkpoint() {
        while queue.isWaiting { drain() }
        _ = try? connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    }

    /// Waits a moment for the writers that the last commit let go, when there were several.
    ///
    /// They come back one by one, and the first of them would else pay for an fsync alone: 64 writers at once made 980
    /// commits of 4,000 writes without this, and 200 with it. A lone writer never waits.
    private func gather() {
        var rounds = 0
        while lastGroup > 2, rounds < 4, queue.count < lastGroup {
            usleep(100)
            rounds += 1
        }
    }

    /// Runs the writes that wait, in one transaction.
    private func drain() {
        guard queue.isWaiting else { return }
        gather()
        let group = queue.takeGroup()
        lastGroup = group.count
        var kept: [WriteQueue.Item] = []
        do throws(BullaError) {
            try connection.execute("BEGIN IMMEDIATE", [])
            for item in group {
                do throws(BullaError) {
                    try connection.execute("SAVEPOINT item", [])
                    try item.run(connection)
                    try connection.execute("RELEASE item", [])
                    kept.append(item)
                } catch {
                    item.fail(error)
                    // A full disk or a broken file ends the whole transaction, and with it what the others wrote.
                    guard connection.isInTransaction else {
                        throw BullaError(.unavailable, "the database gave up a transaction", cause: error)
                    }
                    try connection.execute("ROLLBACK TO item", [])
                    try connection.execute("RELEASE item", [])
                }
            }
            try connection.execute("COMMIT", [])
            for item in kept { item.settle() }
            queue.count(writes: kept.count)
        } catch {
            if connection.isInTransaction { _ = try? connection.execute("ROLLBACK") }
            for item in group { item.fail(error) }
        }
    }
}

/// The writes that wait for the connection.
final class WriteQueue: Sendable {
    /// One write: what it does, and how its caller learns the end.
    struct Item: Sendable {
        let run: @Sendable (any SQLConnection) throws(BullaError) -> Void
        let fail: @Sendable (BullaError) -> Void
        let settle: @Sendable () -> Void
    }

    /// More than this many writes waiting are refused.
    static let most = 8192
    /// More than this many are not committed at once, so that the first does not wait for a whole queue.
    private static let largestGroup = 512

    private struct State {
        var waiting: [Item] = []
        var transactions = 0
        var writes = 0
    }

    private let state = Mutex(State())

    func append(_ item: Item) throws(BullaError) {
        let isFull = state.withLock { state in
            guard state.waiting.count < Self.most else { return true }
            state.waiting.append(item)
            return false
        }
        if isFull { throw BullaError(.unavailable, "the database has too many writes waiting") }
    }

    func takeGroup() -> [Item] {
        state.withLock { state in
            let group = Array(state.waiting.prefix(Self.largestGroup))
            state.waiting.removeFirst(group.count)
            return group
        }
    }

    var isWaiting: Bool { count > 0 }

    var count: Int { state.withLock { $0.waiting.count } }

    func count(writes: Int) {
        state.withLock { state in
            state.transactions += 1
            state.writes += writes
        }
    }

    var commits: (transactions: Int, writes: Int) { state.withLock { ($0.transactions, $0.writes) } }
}

/// Where a write's value waits for the commit.
private final class WriteResult<Value: Sendable>: Sendable {
    /// From waiting to run when the closure returned, and to settled or failed at the commit; failed is final.
    private enum State {
        case waiting
        case run(Value)
        case settled(Value)
        case failed(BullaError)
    }

    private let state = Mutex(State.waiting)

    func keep(_ value: Value) { state.withLock { $0 = .run(value) } }

    func settle() {
        state.withLock { state in
            if case .run(let value) = state { state = .settled(value) }
        }
    }

    func fail(_ error: BullaError) {
        state.withLock { state in
            if case .failed = state { return }
            state = .failed(error)
        }
    }

    var isSettled: Bool {
        state.withLock { state in
            switch state {
            case .settled, .failed: true
            case .waiting, .run: false
            }
        }
    }

    func result() throws(BullaError) -> Value {
        let end = state.withLock { $0 }
        switch end {
        case .settled(let value): return value
        case .failed(let error): throw error
        case .waiting, .run: throw BullaError(.internal, "a write was never committed")
        }
    }
}
