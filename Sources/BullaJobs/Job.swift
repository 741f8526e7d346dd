// SPDX-License-Identifier: Apache-2.0
public import Foundation

/// Work to be done, as somebody asks for it.
public struct NewJob: Sendable, Hashable {
    /// What sort of work, such as `scan`.
    public var kind: String
    /// What makes it the same work as another of its kind: asked for twice, it is done once.
    public var key: String
    /// Jobs of a higher priority go first.
    public var priority: Int
    /// What the worker has to know.
    public var payload: [UInt8]
    /// The work is not begun before.
    public var notBefore: Date?

    /// Describes work to be done.
    public init(kind: String, key: String, priority: Int = 0, payload: [UInt8] = [], notBefore: Date? = nil) {
        self.kind = kind
        self.key = key
        self.priority = priority
        self.payload = payload
        self.notBefore = notBefore
    }
}

/// A job that a worker has leased.
public struct Job: Sendable, Hashable {
    /// The queue's own number for it.
    public let id: Int64
    /// What sort of work.
    public let kind: String
    /// What makes it the same work as another of its kind.
    public let key: String
    /// Its priority.
    public let priority: Int
    /// What the worker has to know.
    public let payload: [UInt8]
    /// Which attempt this is, from 1.
    ///
    /// It also fences: a worker that lost its lease can no longer end the job.
    public let attempt: Int

    /// Puts a job together, as a queue reads it.
    public init(id: Int64, kind: String, key: String, priority: Int, payload: [UInt8], attempt: Int) {
        self.id = id
        self.kind = kind
        self.key = key
        self.priority = priority
        self.payload = payload
        self.attempt = attempt
    }
}

/// A job that was given up, with the reason.
public struct DeadJob: Sendable, Hashable {
    /// What sort of work.
    public let kind: String
    /// What made it the same work as another of its kind.
    public let key: String
    /// How often it was tried.
    public let attempts: Int
    /// Why the last attempt failed.
    public let reason: String
    /// When it was given up.
    public let time: Date

    /// Puts a dead job together, as a queue reads it.
    public init(kind: String, key: String, attempts: Int, reason: String, time: Date) {
        self.kind = kind
        self.key = key
        self.attempts = attempts
        self.reason = reason
        self.time = time
    }
}

/// How many jobs of a kind are in which state.
public struct JobCounts: Sendable, Hashable {
    /// Jobs that wait, be it for a worker or for their time.
    public var waiting = 0
    /// Jobs that a worker has leased.
    public var running = 0
    /// Jobs that were given up.
    public var dead = 0

    /// Counts nothing yet.
    public init() {}
}
