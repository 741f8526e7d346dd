// SPDX-License-Identifier: Apache-2.0

import Logging
import Metrics
import Synchronization

/// The logging and the metrics of this process, which the two façades allow to be set once.
///
/// Several servers may run in one process (the demo, the tests): they share them, and the first one's format wins.
enum Telemetry {
    private static let level = Mutex(Logger.Level.info)

    /// The metrics of this process.
    static let metrics: PrometheusRegistry = {
        let registry = PrometheusRegistry()
        MetricsSystem.bootstrap(registry)
        return registry
    }()

    private static let textLogging: Void = LoggingSystem.bootstrap { label in
        ServerLogHandler(label: label, level: level.withLock { $0 }, json: false)
    }

    private static let jsonLogging: Void = LoggingSystem.bootstrap { label in
        ServerLogHandler(label: label, level: level.withLock { $0 }, json: true)
    }

    private static let started = Mutex(false)

    /// Sets logging up, unless it was.
    static func start(_ configuration: Configuration) {
        level.withLock { $0 = Logger.Level(rawValue: configuration.logLevel) ?? .info }
        let isFirst = started.withLock { started in
            defer { started = true }
            return !started
        }
        guard isFirst else { return }
        switch configuration.logFormat {
        case .text: textLogging
        case .json: jsonLogging
        }
    }
}
