// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaSQL

/// The database's tables, version by version; a published version is never changed, only followed by another.
enum Migrations {
    /// The statements of each version, from the first.
    static let versions: [[String]] = [first]

    /// Brings a database to the last version, in one transaction; what is there stays.
    ///
    /// - Throws: `failedPrecondition` when the database was written by a later Bulla, `unavailable` when it cannot be
    ///   written.
    static func run(on connection: any SQLConnection) throws(BullaError) {
        let present = Int(try connection.first("PRAGMA user_version") { $0.integer(0) } ?? 0)
        guard present <= versions.count else {
            throw BullaError(
                .failedPrecondition,
                "the database has version \(present), written by a later Bulla; this one knows \(versions.count)")
        }
        guard present >= 0, present < versions.count else { return }
        for version in versions[present...] {
            for statement in version { try connection.execute(statement) }
        }
        try connection.execute("PRAGMA user_version = \(versions.count)")
    }

    private static let first = [
        "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE projects (id TEXT PRIMARY KEY, create_time INTEGER NOT NULL) WITHOUT ROWID",

        // Notes and occurrences. Bodies are the messages of the version that api_version names; times are microseconds
        // since 1970; a location of '' is none.
        """
        CREATE TABLE notes (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            project TEXT NOT NULL, location TEXT NOT NULL, id TEXT NOT NULL,
            kind INTEGER NOT NULL, create_time INTEGER NOT NULL, update_time INTEGER NOT NULL,
            revision INTEGER NOT NULL, api_version TEXT NOT NULL, body BLOB NOT NULL)
        """,
        "CREATE UNIQUE INDEX notes_by_name ON notes (project, id, location)",
        "CREATE INDEX notes_in_project ON notes (project, sequence, kind)",
        """
        CREATE TABLE occurrences (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            project TEXT NOT NULL, location TEXT NOT NULL, id TEXT NOT NULL,
            note_project TEXT NOT NULL, note_location TEXT NOT NULL, note_id TEXT NOT NULL,
            resource TEXT NOT NULL, digest BLOB, kind INTEGER NOT NULL,
            create_time INTEGER NOT NULL, update_time INTEGER NOT NULL,
            uniqueness BLOB, content BLOB,
            revision INTEGER NOT NULL, api_version TEXT NOT NULL, body BLOB NOT NULL)
        """,
        "CREATE UNIQUE INDEX occurrences_by_name ON occurrences (project, id, location)",
        "CREATE INDEX occurrences_in_project ON occurrences (project, sequence, kind)",
        "CREATE INDEX occurrences_of_kind ON occurrences (project, kind, sequence)",
        "CREATE INDEX occurrences_by_digest ON occurrences (digest, kind, sequence) WHERE digest IS NOT NULL",
        "CREATE INDEX occurrences_by_resource ON occurrences (resource, sequence) WHERE digest IS NULL",
        "CREATE INDEX occurrences_of_note ON occurrences (project, note_id, sequence)",
        "CREATE INDEX occurrences_by_note ON occurrences (note_id, note_project, sequence)",
        "CREATE UNIQUE INDEX occurrences_unique ON occurrences (uniqueness) WHERE uniqueness IS NOT NULL",
        """
        CREATE TABLE occurrence_files (
            occurrence INTEGER NOT NULL REFERENCES occurrences (sequence) ON DELETE CASCADE,
            digest BLOB NOT NULL, PRIMARY KEY (occurrence, digest)) WITHOUT ROWID
        """,
        "CREATE INDEX occurrence_files_by_digest ON occurrence_files (digest)",
        """
        CREATE TABLE revisions (
            id INTEGER PRIMARY KEY,
            collection TEXT NOT NULL, project TEXT NOT NULL, location TEXT NOT NULL, record TEXT NOT NULL,
            revision INTEGER NOT NULL, end_time INTEGER NOT NULL, api_version TEXT NOT NULL, body BLOB NOT NULL)
        """,
        "CREATE UNIQUE INDEX revisions_by_name ON revisions (collection, project, record, location, revision)",

        // The log, and how far its readers have come.
        """
        CREATE TABLE log (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, subject TEXT NOT NULL, digest BLOB,
            payload BLOB NOT NULL, time INTEGER NOT NULL)
        """,
        "CREATE INDEX log_by_digest ON log (digest, sequence) WHERE digest IS NOT NULL",
        "CREATE TABLE cursors (reader TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID",

        // Jobs. State 0 waits, 1 runs, 2 is dead.
        """
        CREATE TABLE jobs (
            id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, key TEXT NOT NULL, priority INTEGER NOT NULL,
            payload BLOB NOT NULL, state INTEGER NOT NULL, attempts INTEGER NOT NULL, again INTEGER NOT NULL,
            not_before INTEGER NOT NULL, lease_end INTEGER NOT NULL, reason TEXT NOT NULL,
            change_time INTEGER NOT NULL)
        """,
        "CREATE UNIQUE INDEX jobs_by_key ON jobs (kind, key)",
        "CREATE INDEX jobs_in_order ON jobs (state, kind, priority DESC, id)",

        // Our own registry.
        """
        CREATE TABLE manifests (
            id INTEGER PRIMARY KEY AUTOINCREMENT, repository TEXT NOT NULL, digest BLOB NOT NULL,
            media_type TEXT NOT NULL, kind TEXT NOT NULL, artifact_type TEXT, subject BLOB,
            annotations TEXT NOT NULL, time INTEGER NOT NULL, body BLOB NOT NULL)
        """,
        "CREATE UNIQUE INDEX manifests_by_digest ON manifests (repository, digest)",
        "CREATE INDEX manifests_by_subject ON manifests (repository, subject, digest) WHERE subject IS NOT NULL",
        """
        CREATE TABLE manifest_parts (
            manifest INTEGER NOT NULL REFERENCES manifests (id) ON DELETE CASCADE,
            is_blob INTEGER NOT NULL, position INTEGER NOT NULL, digest BLOB NOT NULL,
            PRIMARY KEY (manifest, is_blob, position)) WITHOUT ROWID
        """,
        "CREATE INDEX manifest_parts_by_digest ON manifest_parts (digest, is_blob)",
        """
        CREATE TABLE tags (
            repository TEXT NOT NULL, name TEXT NOT NULL, digest BLOB NOT NULL,
            PRIMARY KEY (repository, name)) WITHOUT ROWID
        """,
        "CREATE INDEX tags_by_digest ON tags (repository, digest)",
        """
        CREATE TABLE links (
            repository TEXT NOT NULL, digest BLOB NOT NULL, time INTEGER NOT NULL,
            PRIMARY KEY (repository, digest)) WITHOUT ROWID
        """,
        "CREATE INDEX links_by_digest ON links (digest)",
    ]
}
