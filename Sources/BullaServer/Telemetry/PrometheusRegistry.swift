// SPDX-License-Identifier: Apache-2.0

public import Metrics
import Synchronization

/// The metrics of this process in Prometheus' text format, as a factory of swift-metrics.
///
/// https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4). Counters end in `_total` by their
/// maker's choice of name; recorders and timers become histograms with fixed bounds (timers in seconds). A metric costs a
/// few hundred bytes and lives as long as the process, so names and labels must come from a small set.
public final class PrometheusRegistry: MetricsFactory {
    /// Upper bounds of histograms, in seconds or in the recorder's unit.
    static let bounds: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
    ]

    private let series = Mutex<[String: [String: Series]]>([:])

    /// Makes an empty registry.
    public init() {}

    /// A counter.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions, kind: .counter)
    }

    /// A gauge when `aggregate` is false, else a histogram.
    public func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        series(label, dimensions, kind: aggregate ? .histogram : .gauge)
    }

    /// A gauge that goes up and down.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, dimensions, kind: .gauge)
    }

    /// A histogram of seconds.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label, dimensions, kind: .histogram)
    }

    /// Does nothing: series live as long as the process.
    public func destroyCounter(_ handler: any CounterHandler) {}
    /// Does nothing: series live as long as the process.
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    /// Does nothing: series live as long as the process.
    public func destroyMeter(_ handler: any MeterHandler) {}
    /// Does nothing: series live as long as the process.
    public func destroyTimer(_ handler: any TimerHandler) {}

    /// Every series in the text format, sorted by name and labels.
    public var text: String {
        var lines: [String] = []
        let families = series.withLock { $0 }
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            guard let kind = family.values.first?.kind else { continue }
            lines.append("# TYPE \(name) \(kind.rawValue)")
            for (labels, series) in family.sorted(by: { $0.key < $1.key }) {
                series.write(name: name, labels: labels, to: &lines)
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func series(_ label: String, _ dimensions: [(String, String)], kind: Series.Kind) -> Series {
        let name = String(label.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") ? $0 : "_" })
        let labels = dimensions.sorted { $0.0 < $1.0 }.map { key, value in
            "\(key)=\"\(value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n"))\""
        }.joined(separator: ",")
        return series.withLock { all in
            if let known = all[name]?[labels] { return known }
            let made = Series(kind: kind)
            all[name, default: [:]][labels] = made
            return made
        }
    }

    private final class Series: CounterHandler, RecorderHandler, MeterHandler, TimerHandler, Sendable {
        enum Kind: String { case counter, gauge, histogram }

        private struct State {
            var count: Int64 = 0
            var value = 0.0
            var buckets = [Int64](repeating: 0, count: PrometheusRegistry.bounds.count)
        }

        let kind: Kind
        private let state = Mutex(State())

        init(kind: Kind) { self.kind = kind }

        func increment(by amount: Int64) { state.withLock { $0.count &+= amount } }
        func reset() { state.withLock { $0 = State() } }
        func record(_ value: Int64) { record(Double(value)) }
        func set(_ value: Int64) { record(Double(value)) }
        func set(_ value: Double) { record(value) }
        func increment(by amount: Double) { state.withLock { $0.value += amount } }
        func decrement(by amount: Double) { state.withLock { $0.value -= amount } }
        func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

        func record(_ value: Double) {
            state.withLock { state in
                guard kind == .histogram else {
                    state.value = value
                    return
                }
                state.count &+= 1
                state.value += value
                for (index, bound) in PrometheusRegistry.bounds.enumerated() where value <= bound {
                    state.buckets[index] &+= 1
                }
            }
        }

        func write(name: String, labels: String, to lines: inout [String]) {
            let state = state.withLock { $0 }
            let all = labels.isEmpty ? "" : "{\(labels)}"
            switch kind {
            case .counter: lines.append("\(name)\(all) \(state.count)")
            case .gauge: lines.append("\(name)\(all) \(state.value)")
            case .histogram:
                let prefix = labels.isEmpty ? "" : labels + ","
                for (index, bound) in PrometheusRegistry.bounds.enumerated() {
                    lines.append("\(name)_bucket{\(prefix)le=\"\(bound)\"} \(state.buckets[index])")
                }
                lines.append("\(name)_bucket{\(prefix)le=\"+Inf\"} \(state.count)")
                lines.append("\(name)_sum\(all) \(state.value)")
                lines.append("\(name)_count\(all) \(state.count)")
            }
        }
    }
}
