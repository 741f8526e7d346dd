// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
import BullaLog
public import BullaRegistry
import BullaSQL
public import Foundation

/// The manifests, tags and links of our own registry in SQL.
public struct SQLManifestStore: ManifestStore {
    let pool: SQLPool
    let signal: ChangeSignal

    /// Keeps a manifest, moves the tag to it, and announces it, in one transaction.
    ///
    /// It is announced when the manifest is new or the tag moved; the same push again leaves no trace.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot write.
    public func put(_ record: ManifestRecord, tag: String?, at time: Date) async throws(BullaError) {
        let annotations = try Self.encode(record.annotations)
        let isNews = try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            let isNew = try Self.insert(record, annotations, at: time, on: connection)
            let tagMoved = try tag.map { (tag: String) throws(BullaError) in
                try connection.execute(
                    """
                    INSERT INTO tags (repository, name, digest) VALUES (?, ?, ?)
                    ON CONFLICT (repository, name) DO UPDATE SET digest = excluded.digest
                    WHERE digest <> excluded.digest
                    """, [.text(record.repository), .text(tag), SQLValue(record.digest)]) > 0
            }
            guard isNew || tagMoved == true else { return false }
            let payload = LogPayload([
                ("repository", record.repository), ("digest", record.digest.description),
                ("mediaType", record.mediaType), ("kind", record.kind.rawValue), ("tag", tag),
                ("subject", record.subject?.description),
            ])
            try Self.log(.imagePushed, record.repository, record.digest, payload, time, on: connection)
            return true
        }
        if isNews { signal.fire() }
    }

    private static func insert(
        _ record: ManifestRecord, _ annotations: String, at time: Date, on connection: any SQLConnection
    ) throws(BullaError) -> Bool {
        let inserted = try connection.execute(
            """
            INSERT INTO manifests (repository, digest, media_type, kind, artifact_type, subject, annotations, time, body)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (repository, digest) DO NOTHING
            """,
            [
                .text(record.repository), SQLValue(record.digest), .text(record.mediaType),
                .text(record.kind.rawValue), SQLValue(record.artifactType), SQLValue(record.subject),
                .text(annotations), .integer(time.microseconds), .blob(record.bytes),
            ])
        guard inserted > 0 else { return false }
        let manifest = connection.lastInsertedRow
        for (isBlob, digests) in [(Int64(1), record.blobs), (Int64(0), record.manifests)] {
            for (position, digest) in digests.enumerated() {
                try connection.execute(
                    "INSERT INTO manifest_parts (manifest, is_blob, position, digest) VALUES (?, ?, ?, ?)",
                    [.integer(manifest), .integer(isBlob), .integer(Int64(position)), SQLValue(digest)])
            }
        }
        return true
    }

    /// The manifest that a tag names.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    public func manifest(in repository: String, tag: String) async throws(BullaError) -> ManifestRecord? {
        try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            let digest = try connection.first(
                "SELECT digest FROM tags WHERE repository = ? AND name = ?", [.text(repository), .text(tag)]
            ) { $0.digest(0) }
            guard let digest, let digest else { return nil }
            return try Self.manifest(in: repository, digest, on: connection)
        }
    }

    /// The manifest with a digest, if the repository holds it.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    public func manifest(in repository: String, digest: Digest) async throws(BullaError) -> ManifestRecord? {
        try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try Self.manifest(in: repository, digest, on: connection)
        }
    }

    private static func manifest(
        in repository: String, _ digest: Digest, on connection: any SQLConnection
    ) throws(BullaError) -> ManifestRecord? {
        var id: Int64 = 0
        let found = try connection.first(
            """
            SELECT id, media_type, kind, artifact_type, subject, annotations, body FROM manifests
            WHERE repository = ? AND digest = ?
            """, [.text(repository), SQLValue(digest)]
        ) { (row: any SQLRow) throws(BullaError) in
            id = row.integer(0)
            return ManifestRecord(
                repository: repository, digest: digest, mediaType: row.text(1), bytes: row.blob(6),
                kind: ManifestKind(rawValue: row.text(2)) ?? .artifact, artifactType: row.optionalText(3),
                subject: row.digest(4), annotations: try decode(row.text(5)))
        }
        guard var complete = found else { return nil }
        let parts = try connection.rows(
            "SELECT is_blob, digest FROM manifest_parts WHERE manifest = ? ORDER BY position", [.integer(id)]
        ) { ($0.integer(0), $0.digest(1)) }
        complete.blobs = parts.compactMap { $0.0 == 1 ? $0.1 : nil }
        complete.manifests = parts.compactMap { $0.0 == 0 ? $0.1 : nil }
        return complete
    }

    /// Those of the given digests that are manifests of the repository.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    public func manifests(in repository: String, among digests: [Digest]) async throws(BullaError) -> Set<Digest> {
        try await filter(digests, "SELECT 1 FROM manifests WHERE repository = ? AND digest = ?", in: repository)
    }

    /// Removes a tag and leaves its manifest, with the log entry `image.untagged`.
    ///
    /// - Returns: Whether there was such a tag.
    /// - Throws: `unavailable` or `internal` when the store cannot write.
    public func deleteTag(_ tag: String, in repository: String, at time: Date) async throws(BullaError) -> Bool {
        let wasThere = try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            let digest = try connection.first(
                "DELETE FROM tags WHERE repository = ? AND name = ? RETURNING digest", [.text(repository), .text(tag)]
            ) { $0.digest(0) }
            guard let digest, let digest else { return false }
            let payload = LogPayload([
                ("repository", repository), ("digest", digest.description), ("tag", tag),
            ])
            try Self.log(.imageUntagged, repository, digest, payload, time, on: connection)
            return true
        }
        if wasThere { signal.fire() }
        return wasThere
    }

    /// Removes a manifest and every tag that names it, with the log entry `image.deleted`.
    ///
    /// - Returns: Whether there was such a manifest.
    /// - Throws: `unavailable` or `internal` when the store cannot write.
    public func deleteManifest(
        _ digest: Digest, in repository: String, at time: Date
    ) async throws(BullaError) -> Bool {
        let wasThere = try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            let key: [SQLValue] = [.text(repository), SQLValue(digest)]
            let deleted = try connection.execute("DELETE FROM manifests WHERE repository = ? AND digest = ?", key)
            guard deleted > 0 else { return false }
            try connection.execute("DELETE FROM tags WHERE repository = ? AND digest = ?", key)
            let payload = LogPayload([("repository", repository), ("digest", digest.description)])
            try Self.log(.imageDeleted, repository, digest, payload, time, on: connection)
            return true
        }
        if wasThere { signal.fire() }
        return wasThere
    }

    /// A page of a repository's tags in the order of their bytes, nil when the repository is unknown.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    public func tags(of repository: String, after last: String?, limit: Int) async throws(BullaError) -> [String]? {
        try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            let known = try connection.first(
                """
                SELECT EXISTS (SELECT 1 FROM manifests WHERE repository = ?1) OR
                    EXISTS (SELECT 1 FROM tags WHERE repository = ?1) OR
                    EXISTS (SELECT 1 FROM links WHERE repository = ?1)
                """, [.text(repository)]
            ) { $0.integer(0) }
            guard known == 1 else { return nil }
            return try connection.rows(
                "SELECT name FROM tags WHERE repository = ? AND name > ? ORDER BY name LIMIT ?",
                [.text(repository), .text(last ?? ""), .integer(Int64(max(0, limit)))]
            ) { $0.text(0) }
        }
    }

    /// A page of the names of all repositories with at least one manifest, in the order of their bytes.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    public func repositories(after last: String?, limit: Int) async throws(BullaError) -> [String] {
        try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            // From name to name in the index, for a repository may hold a hundred thousand manifests.
            var names: [String] = []
            var place = last ?? ""
            while names.count < limit {
                let next = try connection.first(
                    "SELECT min(repository) FROM manifests WHERE repository > ?", [.text(place)]
                ) { $0.optionalText(0) }
                guard let next, let next else { break }
                names.append(next)
                place = next
            }
            return names
        }
    }

    /// A page of every manifest of every repository, in the order of repository and digest.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    public func everyManifest(after last: ManifestKey?, limit: Int) async throws(BullaError) -> [ManifestKey] {
        try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try connection.rows(
                """
                SELECT repository, digest, kind FROM manifests INDEXED BY manifests_by_digest
                WHERE (repository, digest) > (?, ?) ORDER BY repository, digest LIMIT ?
                """,
                [
                    .text(last?.repository ?? ""), .blob(last?.digest.rawBytes ?? []),
                    .integer(Int64(max(0, limit))),
                ]
            ) { (row: any SQLRow) throws(BullaError) in
                guard let digest = row.digest(1) else { throw BullaError(.dataLoss, "a manifest has no digest") }
                return ManifestKey(
                    repository: row.text(0), digest: digest, kind: ManifestKind(rawValue: row.text(2)) ?? .artifact)
            }
        }
    }

    /// A page of the manifests of a repository whose subject is `digest`, in the order of their digests.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    public func referrers(
        to digest: Digest, in repository: String, artifactType: String?, after last: Digest?, limit: Int
    ) async throws(BullaError) -> [Referrer] {
        try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try connection.rows(
                """
                SELECT media_type, digest, length(body), artifact_type, annotations FROM manifests
                INDEXED BY manifests_by_subject
                WHERE repository = ?1 AND subject = ?2 AND digest > ?3 AND (?4 IS NULL OR artifact_type = ?4)
                ORDER BY digest LIMIT ?5
                """,
                [
                    .text(repository), SQLValue(digest), .blob(last?.rawBytes ?? []), SQLValue(artifactType),
                    .integer(Int64(max(0, limit))),
                ]
            ) { (row: any SQLRow) throws(BullaError) in
                guard let found = row.digest(1) else { throw BullaError(.dataLoss, "a referrer has no digest") }
                return Referrer(
                    mediaType: row.text(0), digest: found, size: row.integer(2), artifactType: row.optionalText(3),
                    annotations: try Self.decode(row.text(4)))
            }
        }
    }

    /// Lets a repository serve a blob; repeated, it renews the link's time.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot write.
    public func linkBlob(_ digest: Digest, to repository: String, at time: Date) async throws(BullaError) {
        try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            try connection.execute(
                """
                INSERT INTO links (repository, digest, time) VALUES (?, ?, ?)
                ON CONFLICT (repository, digest) DO UPDATE SET time = max(time, excluded.time)
                """, [.text(repository), SQLValue(digest), .integer(time.microseconds)])
        }
    }

    /// Takes a blob away from a repository.
    ///
    /// - Returns: Whether the repository had it.
    /// - Throws: `unavailable` or `internal` when the store cannot write.
    public func unlinkBlob(_ digest: Digest, from repository: String) async throws(BullaError) -> Bool {
        let removed = try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            try connection.execute(
                "DELETE FROM links WHERE repository = ? AND digest = ?", [.text(repository), SQLValue(digest)])
        }
        return removed > 0
    }

    /// Those of the given digests that the repository may serve.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    public func linkedBlobs(in repository: String, among digests: [Digest]) async throws(BullaError) -> Set<Digest> {
        try await filter(digests, "SELECT 1 FROM links WHERE repository = ? AND digest = ?", in: repository)
    }

    /// Whether any repository may serve the blob.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    public func isLinkedAnywhere(_ digest: Digest) async throws(BullaError) -> Bool {
        try await !filter([digest], "SELECT 1 FROM links WHERE digest = ? LIMIT 1", in: nil).isEmpty
    }

    /// Those of the given digests that some manifest needs, or that a discovery names as one of its files.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    public func referencedBlobs(among digests: [Digest]) async throws(BullaError) -> Set<Digest> {
        try await filter(
            digests,
            """
            SELECT 1 WHERE EXISTS (SELECT 1 FROM manifest_parts WHERE digest = ?1 AND is_blob = 1)
                OR EXISTS (SELECT 1 FROM occurrence_files WHERE digest = ?1)
            """, in: nil)
    }

    /// Removes every link to the given blobs that was made or renewed before `time`.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot write.
    public func removeLinks(to digests: [Digest], madeBefore time: Date) async throws(BullaError) {
        try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            for digest in digests {
                try connection.execute(
                    "DELETE FROM links WHERE digest = ? AND time < ?", [SQLValue(digest), .integer(time.microseconds)])
            }
        }
    }

    /// Those digests for which a statement answers a row.
    private func filter(
        _ digests: [Digest], _ statement: String, in repository: String?
    ) async throws(BullaError) -> Set<Digest> {
        guard !digests.isEmpty else { return [] }
        let prefix: [SQLValue] = repository.map { [.text($0)] } ?? []
        return try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            var found: Set<Digest> = []
            for digest in digests {
                let isThere = try connection.first(statement, prefix + [SQLValue(digest)]) { _ in true }
                if isThere == true { found.insert(digest) }
            }
            return found
        }
    }

    private static func log(
        _ kind: Entry.Kind, _ repository: String, _ digest: Digest, _ payload: LogPayload, _ time: Date,
        on connection: any SQLConnection
    ) throws(BullaError) {
        try SQLLogStore.append(
            NewEntry(
                kind: kind, subject: "\(repository)@\(digest)", digest: digest, payload: payload.json, time: time),
            to: connection)
    }

    private static func encode(_ annotations: [String: String]) throws(BullaError) -> String {
        if annotations.isEmpty { return "{}" }
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            return String(decoding: try encoder.encode(annotations), as: UTF8.self)
        } catch {
            throw BullaError(.invalidArgument, "the manifest's annotations cannot be kept", cause: error)
        }
    }

    private static func decode(_ annotations: String) throws(BullaError) -> [String: String] {
        if annotations == "{}" { return [:] }
        do {
            return try JSONDecoder().decode([String: String].self, from: Data(annotations.utf8))
        } catch {
            throw BullaError(.dataLoss, "the annotations of a manifest cannot be read", cause: error)
        }
    }
}
