// SPDX-License-Identifier: Apache-2.0

import BullaAdvisory
import BullaArchive
import BullaArtifact
import BullaCatalog
import BullaFlow
import BullaGrafeas
import BullaJobs
import BullaKubernetes
import BullaLog
import BullaPolicy
import BullaRegistry
import BullaSeal
import BullaStore
public import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Hummingbird
import HummingbirdTLS
import Logging
import Metrics
import NIOCore
import NIOSSL
import ServiceLifecycle
import UnixSignals

/// The whole server, composed: three ports, the store, and the loops that work behind them.
public struct Server: Sendable {
    private let configuration: Configuration
    private let now: @Sendable () -> Date

    /// Makes a server of its configuration.
    public init(_ configuration: Configuration, now: @escaping @Sendable () -> Date = { Date() }) {
        self.configuration = configuration
        self.now = now
    }

    /// Runs until SIGTERM or SIGINT, or until `stop` returns; calls under way are let end.
    ///
    /// - Parameter stop: Waits for another reason to stop; without one there is none.
    /// - Throws: `invalidArgument` for a policy set that does not parse, `unavailable` when a port or the data directory
    ///   cannot be had.
    public func run(until stop: (@Sendable () async -> Void)? = nil) async throws {
        Telemetry.start(configuration)
        let log = Logger(label: "bulla")
        do {
            try FileManager.default.createDirectory(atPath: configuration.data, withIntermediateDirectories: true)
        } catch {
            throw BullaError(.unavailable, "the data directory '\(configuration.data)' cannot be made", cause: error)
        }
        let plan = try await Plan(configuration, now: now, log: log)
        do {
            let group = ServiceGroup(
                configuration: .init(
                    services: plan.services.map {
                        .init(service: $0, successTerminationBehavior: .ignore)
                    },
                    gracefulShutdownSignals: [.sigterm, .sigint], logger: log))
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                if let stop {
                    tasks.addTask {
                        await stop()
                        await group.triggerGracefulShutdown()
                    }
                }
                try await group.run()
                tasks.cancelAll()
            }
            await plan.store.close()
            log.info("stopped")
        } catch {
            await plan.store.close()
            throw BullaError(wrapping: error, while: "running the server")
        }
    }
}

/// What a server is made of.
private struct Plan {
    let store: Store
    let services: [any Service]

    init(
        _ configuration: Configuration, now: @escaping @Sendable () -> Date, log: Logger
    ) async throws(BullaError) {
        let http = try configuration.http.withFreePort()
        let grpc = try configuration.grpc.withFreePort()
        let webhook = try configuration.webhook.withFreePort()
        let certificate = try ServerCertificate(configuration, at: now())
        let store = try await Store.open(directory: configuration.data)
        self.store = store

        let names = try await Self.names(configuration, http: http, store)
        let blobs = try FileBlobStore(folder: configuration.data, maximumSize: configuration.maximumBlobSize)
        let registry = RegistryService(blobs: blobs, manifests: store.manifests, now: now)
        let metadata = store.metadata(now: now)
        let advisories = try Self.advisories(configuration, at: now(), log: log)
        let policies = try PolicyCache(
            folder: configuration.policies,
            options: PolicyOptions(
                maximumScanAge: configuration.maximumScanAge, checkKey: AttestorKeys.problem(with:)))

        let scanFlow = ScanFlow(
            registry: registry, metadata: metadata, names: names,
            scanner: ImageScanner(limits: Self.limits(configuration)), advisories: advisories, now: now, log: log)
        let dispatcher = Dispatcher(
            log: store.log, jobs: store.jobs, manifests: store.manifests, scanFlow: scanFlow, advisories: advisories,
            memory: .init(
                recall: { try await store.settings.value(of: "advisories") },
                keep: { try await store.settings.set("advisories", to: $0) }), now: now, logger: log)
        let admission = Admission(
            policies: policies, names: names, metadata: metadata, manifests: store.manifests, log: store.log,
            keys: configuration.keys.map(KeyStore.init(folder:)), now: now, logger: log)
        let runner = JobRunner(
            queue: store.jobs,
            lanes: [
                JobLane(
                    name: "scan", workers: configuration.scanWorkers, backoff: Backoff(attempts: Dispatcher.attempts),
                    works: [Dispatcher.scanKind: dispatcher.scan]),
                JobLane(name: "decisions", workers: 4, works: [Dispatcher.decisionKind: admission.follow]),
            ], now: now, observe: Self.observer(log))

        let readiness = Readiness(awaiting: ["http", "grpc", "webhook"])
        let router = Router(context: ConnectionContext.self)
        router.add(middleware: MetricsMiddleware())
        HealthRoutes(readiness: readiness, policies: policies, metrics: Telemetry.metrics).add(to: router)
        ServerRoutes(
            names: names, maximumScanAge: configuration.maximumScanAge, metadata: metadata, blobs: blobs
        ).add(to: router)
        GrafeasRoutes(api: metadata).add(to: router)
        RegistryRoutes(registry).add(to: router)
        admission.routes.addEvaluation(to: router)
        let webhookRouter = Router()
        webhookRouter.add(middleware: MetricsMiddleware())
        admission.routes.addWebhook(to: webhookRouter)

        let tls = try Self.tls(certificate)
        do {
            let httpApplication = Application(
                router: router, server: configuration.servesTLS ? try .tls(tlsConfiguration: tls) : .http1(),
                configuration: .init(address: http.binding, serverName: "bulla"),
                onServerRunning: { _ in readiness.mark("http") }, logger: Self.quiet("http"))
            let webhookApplication = Application(
                router: webhookRouter, server: try .tls(tlsConfiguration: tls),
                configuration: .init(address: webhook.binding, serverName: "bulla"),
                onServerRunning: { _ in readiness.mark("webhook") }, logger: Self.quiet("webhook"))
            let transport = HTTP2ServerTransport.Posix(
                address: grpc.socketAddress,
                transportSecurity: configuration.servesTLS
                    ? .tls(
                        certificateChain: [.file(path: certificate.chainFile, format: .pem)],
                        privateKey: .file(path: certificate.keyFile, format: .pem))
                    : .plaintext,
                config: .defaults { $0.rpc.maxRequestPayloadSize = GrafeasRoutes.maximumBodySize })
            let grpcServer = GRPCServer(
                transport: transport, services: [GrafeasService(api: metadata, logger: log)])

            let ready = Self.ready(
                configuration, certificate, http: http, grpc: grpc, webhook: webhook, readiness, transport, log)
            services = [
                LoopService(name: "dispatcher") { try await dispatcher.run() },
                LoopService(name: "jobs") { try await runner.run() },
                LoopService(name: "policies") {
                    try await policies.run(report: { Self.tell($0, log) })
                },
                LoopService(name: "collector") { try await Self.collect(registry, log) },
                LoopService(name: "decisions") { try await admission.run() },
                GRPCService(server: grpcServer), httpApplication, webhookApplication, ready,
            ]
        } catch {
            throw BullaError(wrapping: error, while: "preparing the ports")
        }
    }

    // MARK: - Parts

    /// The names of the chain: the registry's is that of the first start, unless a flag changes it.
    private static func names(
        _ configuration: Configuration, http: ListenAddress, _ store: Store
    ) async throws(BullaError) -> RecordNames {
        let kept = try await store.settings.value(of: "registry-name")
        let address: String =
            switch http {
            case .tcp: http.description
            case .unix: "localhost"
            }
        let name = configuration.registryName ?? kept ?? address
        if name != kept { try await store.settings.set("registry-name", to: name) }
        return try RecordNames(
            registryName: name, defaultProject: configuration.project,
            vulnerabilityProvider: configuration.vulnerabilityProvider,
            analysisProvider: configuration.analysisProvider)
    }

    /// The advisory database, made of the set inside this binary at the first start.
    private static func advisories(
        _ configuration: Configuration, at now: Date, log: Logger
    ) throws(BullaError) -> CurrentAdvisories {
        if !FileManager.default.fileExists(atPath: configuration.advisories) {
            try EmbeddedAdvisories.write(to: configuration.advisories, built: now)
            log.info(
                "made an advisory database of the built-in set; import more with bulla db import",
                metadata: ["file": "\(configuration.advisories)"])
        }
        let advisories = CurrentAdvisories(path: configuration.advisories)
        _ = try advisories.database()
        return advisories
    }

    private static func limits(_ configuration: Configuration) -> CatalogLimits {
        CatalogLimits(
            archive: ArchiveLimits(
                unpackedBytes: UInt64(configuration.maximumUnpacked), ratio: UInt64(configuration.maximumRatio)))
    }

    private static func tls(_ certificate: ServerCertificate) throws(BullaError) -> TLSConfiguration {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(certificate.chainFile).map {
                NIOSSLCertificateSource.certificate($0)
            }
            var tls = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain,
                privateKey: .privateKey(try NIOSSLPrivateKey(file: certificate.keyFile, format: .pem)))
            tls.minimumTLSVersion = .tlsv12
            tls.applicationProtocols = ["http/1.1"]
            return tls
        } catch {
            throw BullaError(
                .invalidArgument,
                "'\(certificate.chainFile)' and '\(certificate.keyFile)' are no certificate and key in PEM",
                cause: error)
        }
    }

    /// The frameworks tell every connection; only what is wrong belongs in our log.
    private static func quiet(_ label: String) -> Logger {
        var logger = Logger(label: label)
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }

    private static func tell(_ result: Result<Policy, BullaError>, _ log: Logger) {
        switch result {
        case .success(let policy): log.info("policies read", metadata: ["revision": "\(policy.revision)"])
        case .failure(let error):
            Counter(label: "bulla_policy_errors_total").increment()
            log.error(
                "policies do not parse; the last good set stays in force", metadata: ["error": "\(error.message)"])
        }
    }

    private static func observer(_ log: Logger) -> @Sendable (Job?, JobRunner.Outcome) -> Void {
        { job, outcome in
            let key = job.map { "\($0.kind) \($0.key)" } ?? "-"
            switch outcome {
            case .finished: Counter(label: "bulla_jobs_total", dimensions: [("outcome", "finished")]).increment()
            case .retrying(let reason, let after):
                Counter(label: "bulla_jobs_total", dimensions: [("outcome", "retried")]).increment()
                log.warning("a job failed", metadata: ["job": "\(key)", "error": "\(reason)", "retryIn": "\(after)"])
            case .dead(let reason):
                Counter(label: "bulla_jobs_total", dimensions: [("outcome", "dead")]).increment()
                log.error("a job was given up", metadata: ["job": "\(key)", "error": "\(reason)"])
            case .lost: log.warning("a job's lease was lost", metadata: ["job": "\(key)"])
            case .released: log.debug("a job waits for the next start", metadata: ["job": "\(key)"])
            case .queueFailed(let reason): log.error("the job queue failed", metadata: ["error": "\(reason)"])
            }
        }
    }

    /// Removes what nothing refers to, once in ten minutes.
    private static func collect(_ registry: RegistryService, _ log: Logger) async throws {
        while true {
            try await Task.sleep(for: .seconds(600))
            do throws(BullaError) {
                let count = try await registry.collect()
                if count > 0 { log.info("removed unreferenced blobs", metadata: ["count": "\(count)"]) }
            } catch {
                log.error("collecting blobs failed", metadata: ["error": "\(error)"])
            }
        }
    }

    private static func ready(
        _ configuration: Configuration, _ certificate: ServerCertificate, http: ListenAddress, grpc: ListenAddress,
        webhook: ListenAddress, _ readiness: Readiness, _ transport: HTTP2ServerTransport.Posix, _ log: Logger
    ) -> LoopService {
        LoopService(name: "ready") {
            _ = try await transport.listeningAddress
            readiness.mark("grpc")
            await readiness.wait()
            let scheme = configuration.servesTLS ? "https" : "http"
            func url(_ address: ListenAddress, _ scheme: String) -> String {
                switch address {
                case .tcp: "\(scheme)://\(address)"
                case .unix: address.description
                }
            }
            let content = ReadyFile.Content(
                pid: ProcessInfo.processInfo.processIdentifier, version: Release.version, http: url(http, scheme),
                grpc: grpc.description, webhook: url(webhook, "https"), webhookCA: certificate.authorityFile)
            log.info(
                "ready",
                metadata: [
                    "http": "\(content.http)", "grpc": "\(content.grpc)", "webhook": "\(content.webhook)",
                    "data": "\(configuration.data)",
                ])
            guard let path = configuration.readyFile else { return }
            let file = ReadyFile(path: path)
            try file.write(content)
            defer { file.remove() }
            try await Task.sleep(for: .seconds(Int.max >> 8))
        }
    }
}

extension ListenAddress {
    fileprivate var binding: BindAddress {
        switch self {
        case .tcp(let host, let port): .hostname(host, port: port)
        case .unix(let path): .unixDomainSocket(path: path)
        }
    }

    fileprivate var socketAddress: GRPCNIOTransportHTTP2Posix.SocketAddress {
        switch self {
        case .tcp(let host, let port) where host.contains(":"): .ipv6(host: host, port: port)
        case .tcp(let host, let port): .ipv4(host: host == "localhost" ? "127.0.0.1" : host, port: port)
        case .unix(let path): .unixDomainSocket(path: path)
        }
    }
}
