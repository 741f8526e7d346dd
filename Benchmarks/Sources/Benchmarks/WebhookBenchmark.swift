// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// Verdicts per second of the webhook, against the same server reading and dropping the same body over the same TLS.
///
/// A path that the webhook does not have is answered with 404, and its body is read and dropped, for the connection
/// stays open. `wrk` asks over eight connections, in turns and for a bounded time; the processor time of the server
/// itself is the ratio that a busy machine disturbs least.
struct WebhookBenchmark {
    private static let connections = 8
    private static let turn = 3
    private let options: Options
    private let folder: String

    /// Prepares a run.
    init(_ options: Options) {
        self.options = options
        folder = "\(options.work)/webhook"
    }

    /// What is sent where.
    private struct Case: Hashable {
        var name: String
        var path: String
        var body: String
    }

    private static let drop = Case(name: "read and dropped", path: "drop", body: "allowed")
    private static let cases = [
        Case(name: "object without pods", path: "admit", body: "configmap"),
        Case(name: "pod allowed", path: "admit", body: "allowed"),
        Case(name: "pod denied", path: "admit", body: "denied"),
        Case(name: "pod allowed, dry run", path: "admit", body: "rehearsed"),
    ]

    /// What a turn gave.
    private struct Turn {
        var perSecond: Double
        var cpu: Double
    }

    /// Measures and adds ratios.
    func run(into report: inout Report) throws {
        try? FileManager.default.removeItem(atPath: folder)
        try FileManager.default.createDirectory(atPath: "\(folder)/policies", withIntermediateDirectories: true)
        try writeInputs()
        let command = [
            options.bulla, "serve", "--data", "\(folder)/data", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0",
            "--webhook", "127.0.0.1:0", "--policies", "\(folder)/policies", "--ready-file", "\(folder)/ready",
            "--registry-name", "registry.example", "--log-level", "warning",
        ]
        let server = try ChildProcess.spawn(command, output: "\(folder)/server.txt")
        defer {
            kill(server, SIGTERM)
            waitpid(server, nil, 0)
        }
        let ready = try waitForReady()
        try ChildProcess.run([
            options.bulla, "attest", "registry.example/app@\(Self.sealed)", "--attestor", "release", "--pkix-key",
            "\(folder)/key.pem", "--server", ready.http,
        ])
        try check(ready.webhook)
        var turns: [Case: [Turn]] = [:]
        for round in 0...options.rounds {
            say("webhook, round \(round) of \(options.rounds)")
            for each in [Self.drop] + Self.cases {
                let turn = try ask(each, ready.webhook, server)
                if round > 0 { turns[each, default: []].append(turn) }
            }
        }
        let base = turns[Self.drop] ?? []
        for each in Self.cases {
            let taken = turns[each] ?? []
            report.add(
                "webhook, \(each.name), against dropped bodies: answers", unit: "1/s",
                median(taken.map(\.perSecond)), median(base.map(\.perSecond)))
            report.add(
                "webhook, \(each.name), against dropped bodies: server's processor time", unit: "ms",
                median(taken.map(\.cpu)), median(base.map(\.cpu)))
        }
    }

    private struct Ready: Decodable {
        var http: String
        var webhook: String
    }

    private static let sealed = "sha256:" + String(repeating: "a", count: 64)
    private static let unsealed = "sha256:" + String(repeating: "b", count: 64)

    private func waitForReady() throws -> Ready {
        for _ in 0..<300 {
            if let bytes = FileManager.default.contents(atPath: "\(folder)/ready"),
                let ready = try? JSONDecoder().decode(Ready.self, from: bytes)
            {
                return ready
            }
            usleep(100_000)
        }
        throw Failure("the server was not ready within 30 s")
    }

    /// Each body must get the answer that its name promises, or the numbers mean nothing.
    private func check(_ url: String) throws {
        let wanted = [
            "configmap": #""allowed":true"#, "allowed": #""allowed":true"#, "denied": #""allowed":false"#,
            "rehearsed": #""allowed":true"#,
        ]
        for (body, answer) in wanted {
            let command = ["curl", "-sk", "\(url)/admit", "--data-binary", "@\(folder)/\(body).json"]
            let text = try ChildProcess.text(command, in: folder)
            guard text.contains(answer) else { throw Failure("the answer to \(body) is \(text)") }
        }
    }

    private func ask(_ each: Case, _ url: String, _ server: pid_t) throws -> Turn {
        let before = try processorTime(of: server)
        let text = try ChildProcess.text(
            [
                "wrk", "-t1", "-c\(Self.connections)", "-d\(Self.turn)s", "-s", "\(folder)/post.lua",
                "\(url)/\(each.path)", "--", "\(folder)/\(each.body).json",
            ], in: folder)
        let cpu = try processorTime(of: server) - before
        func number(after label: String, before unit: String = "") -> Double? {
            for line in text.split(separator: "\n") where line.contains(label) {
                let words = line.split(separator: " ")
                return label == "Requests/sec:" ? words.last.flatMap { Double($0) } : words.first.flatMap { Double($0) }
            }
            return nil
        }
        guard let perSecond = number(after: "Requests/sec:"), let count = number(after: "requests in"), count > 0 else {
            throw Failure("wrk said: \(text)")
        }
        return Turn(perSecond: perSecond, cpu: cpu / count * 1000)
    }

    /// Seconds of processor time that a process has used.
    private func processorTime(of process: pid_t) throws -> Double {
        let text = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        // The name, in brackets, may hold anything.
        guard let end = text.lastIndex(of: ")") else { throw Failure("the server has ended") }
        let fields = text[end...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[12]), let system = Double(fields[13]) else {
            throw Failure("the server's processor time cannot be read")
        }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    // MARK: - Inputs

    private func writeInputs() throws {
        let key = "\(folder)/key.pem"
        try ChildProcess.run([
            "openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key,
        ])
        let pem = try ChildProcess.text(["openssl", "pkey", "-in", key, "-pubout"], in: folder)
            .split(separator: "\n").map { "        \($0)" }.joined(separator: "\n")
        try write(
            """
            apiVersion: kritis.grafeas.io/v1beta1
            kind: AttestationAuthority
            metadata: {name: release, namespace: prod}
            spec:
              noteReference: projects/default/notes/release
              publicKeys:
              - keyType: PKIX
                pkixPublicKey:
                  signatureAlgorithm: ECDSA_P256_SHA256
                  publicKeyPem: |
            \(pem)
            ---
            apiVersion: kritis.grafeas.io/v1beta1
            kind: GenericAttestationPolicy
            metadata: {name: sealed, namespace: prod}
            spec:
              attestationAuthorityNames: [release]

            """, to: "policies/policy.yaml")
        try write(
            """
            wrk.method = "POST"
            wrk.headers["Content-Type"] = "application/json"
            function init(args)
              local file = io.open(args[1], "rb")
              wrk.body = file:read("*a")
              file:close()
            end

            """, to: "post.lua")
        try write(review("Pod", Self.sealed), to: "allowed.json")
        try write(review("Pod", Self.unsealed), to: "denied.json")
        try write(review("Pod", Self.sealed, isDryRun: true), to: "rehearsed.json")
        try write(review("ConfigMap", Self.sealed), to: "configmap.json")
    }

    /// A review of some 4 KiB, the size of a real pod's with its managed fields.
    private func review(_ kind: String, _ digest: String, isDryRun: Bool = false) -> String {
        let variables = (0..<40).map { #"{"name":"V\#($0)","value":"\#(String(repeating: "x", count: 30))"}"# }
        let managed = (0..<60).map { #""f:a\#($0)":{}"# }
        let spec = """
            {"containers":[{"name":"app","image":"registry.example/app@\(digest)",\
            "env":[\(variables.joined(separator: ","))]}],"serviceAccountName":"default"}
            """
        let object = """
            {"apiVersion":"v1","kind":"\(kind)","metadata":{"name":"p","namespace":"prod","labels":{"app":"a"},\
            "managedFields":[{"manager":"kubectl","operation":"Update","fieldsV1":{"f:spec":\
            {\(managed.joined(separator: ","))}}}]},"spec":\(spec)}
            """
        return """
            {"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"705ab4f5-6393-11e8-b7cc",\
            "kind":{"group":"","version":"v1","kind":"\(kind)"},"resource":{"group":"","version":"v1",\
            "resource":"pods"},"name":"p","namespace":"prod","operation":"CREATE","userInfo":{"username":"u",\
            "groups":["system:authenticated"]},"object":\(object),"oldObject":null,"dryRun":\(isDryRun)}}
            """
    }

    private func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(filePath: "\(folder)/\(name)"))
    }
}
