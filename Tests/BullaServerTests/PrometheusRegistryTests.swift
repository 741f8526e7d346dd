// SPDX-License-Identifier: Apache-2.0

import BullaServer
import Metrics
import Testing

@Suite("PrometheusRegistry")
struct PrometheusRegistryTests {
    @Test("writes counters, gauges and histograms in the text format, sorted")
    func text() {
        let registry = PrometheusRegistry()
        let counter = registry.makeCounter(label: "pushes_total", dimensions: [("kind", "image")])
        counter.increment(by: 2)
        registry.makeCounter(label: "pushes_total", dimensions: [("kind", "image")]).increment(by: 1)
        let meter = registry.makeMeter(label: "active", dimensions: [])
        meter.increment(by: 3)
        meter.decrement(by: 1)
        registry.makeTimer(label: "taken_seconds", dimensions: []).recordNanoseconds(20_000_000)
        let lines = registry.text.split(separator: "\n").map(String.init)
        #expect(lines.first == "# TYPE active gauge")
        #expect(lines.contains("active 2.0"))
        #expect(lines.contains("pushes_total{kind=\"image\"} 3"))
        #expect(lines.contains("taken_seconds_bucket{le=\"0.01\"} 0"))
        #expect(lines.contains("taken_seconds_bucket{le=\"0.025\"} 1"))
        #expect(lines.contains("taken_seconds_bucket{le=\"+Inf\"} 1"))
        #expect(lines.contains("taken_seconds_count 1"))
    }

    @Test("keeps names and label values within the format's grammar")
    func escapes() {
        let registry = PrometheusRegistry()
        registry.makeCounter(label: "http.requests", dimensions: [("path", "a\"b\\c\nd")]).increment(by: 1)
        #expect(registry.text.contains("http_requests{path=\"a\\\"b\\\\c\\nd\"} 1\n"))
    }
}
