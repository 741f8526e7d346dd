// swift-tools-version: 6.2
import PackageDescription

/// The settings of every target written by hand.
let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

/// The settings of generated targets: the same language, but warnings stay warnings.
let generated: [SwiftSetting] = Array(house.dropLast())

/// A product of another package.
func product(_ name: String, _ package: String) -> Target.Dependency { .product(name: name, package: package) }

/// A room or a stretch of ground, with the house's settings.
func room(_ name: String, _ dependencies: Target.Dependency...) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: house)
}

/// The tests of one target.
func tests(
    _ name: String, exclude: [String] = [], resources: [Resource] = [], _ dependencies: Target.Dependency...
) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: dependencies, exclude: exclude, resources: resources, swiftSettings: house)
}

let crypto = product("Crypto", "swift-crypto")
let cryptoExtras = product("CryptoExtras", "swift-crypto")
let httpTypes = product("HTTPTypes", "swift-http-types")
let logging = product("Logging", "swift-log")
let metrics = product("Metrics", "swift-metrics")
let protobuf = product("SwiftProtobuf", "swift-protobuf")
let x509 = product("X509", "swift-certificates")
let asn1 = product("SwiftASN1", "swift-asn1")
let yams = product("Yams", "Yams")

let package = Package(
    name: "bulla",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "bulla", targets: ["bulla"]),
        // For the packages of our own in Fuzz and Benchmarks: SwiftPM lets them import products only.
        .library(
            name: "BullaParsers",
            targets: [
                "BullaArtifact", "BullaArchive", "BullaVersion", "BullaExpression", "BullaCatalog", "BullaAdvisory",
                "BullaSeal", "BullaPolicy", "BullaKubernetes",
            ]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1.git", exact: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates.git", exact: "1.21.1"),
        .package(url: "https://github.com/apple/swift-crypto.git", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types.git", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics.git", exact: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio.git", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", exact: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf.git", exact: "1.39.0", traits: []),
        .package(url: "https://github.com/grpc/grpc-swift-2.git", exact: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport.git", exact: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf.git", exact: "2.4.1"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/jpsim/Yams.git", exact: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client.git", exact: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", exact: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CRNP", pkgConfig: "librnp", providers: [.apt(["librnp-dev"])]),
        .systemLibrary(name: "CISAL", pkgConfig: "libisal", providers: [.apt(["libisal-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .target(name: "GrafeasMessages", dependencies: [protobuf], swiftSettings: generated),
        .target(
            name: "GoogleStubs",
            dependencies: [
                "GrafeasMessages", protobuf, product("GRPCCore", "grpc-swift-2"),
                product("GRPCProtobuf", "grpc-swift-protobuf"),
            ], swiftSettings: generated),
        room("BullaArtifact", crypto),
        room("BullaVersion"),
        room("BullaExpression", "BullaArtifact"),
        room("BullaArchive", "BullaArtifact", "CISAL", "CZstd"),
        room(
            "BullaHTTP", "BullaArtifact", httpTypes, product("AsyncHTTPClient", "async-http-client"),
            product("NIOCore", "swift-nio"), product("NIOHTTP1", "swift-nio"), product("NIOSSL", "swift-nio-ssl"),
            logging),
        room("BullaSQL", "BullaArtifact", "CSQLite", logging),
        room("BullaRegistry", "BullaArtifact", "BullaArchive", "BullaHTTP", httpTypes),
        room("BullaCatalog", "BullaArtifact", "BullaArchive"),
        .target(
            name: "BullaAdvisory", dependencies: ["BullaArtifact", "BullaArchive", "BullaVersion"],
            resources: [.embedInCode("Resources/advisories.json")], swiftSettings: house),
        room("BullaDocument", "BullaArtifact"),
        room("BullaSeal", "BullaArtifact", "CRNP", crypto, cryptoExtras, asn1),
        room("BullaPolicy", "BullaArtifact"),
        room(
            "BullaGrafeas", "BullaArtifact", "BullaExpression", "BullaHTTP", httpTypes, "GrafeasMessages", protobuf,
            crypto),
        room("BullaLog", "BullaArtifact"),
        room("BullaJobs", "BullaArtifact", logging),
        room("BullaKubernetes", "BullaArtifact", "BullaPolicy", yams),
        room(
            "BullaStore", "BullaArtifact", "BullaSQL", "BullaExpression", "BullaGrafeas", "BullaRegistry", "BullaLog",
            "BullaJobs", "GrafeasMessages", protobuf, crypto),
        room(
            "BullaFlow", "BullaArtifact", "BullaRegistry", "BullaCatalog", "BullaAdvisory", "BullaDocument",
            "BullaSeal", "BullaPolicy", "BullaGrafeas", "BullaLog", "BullaJobs", "BullaKubernetes", "BullaHTTP",
            "GrafeasMessages", protobuf, logging, metrics),
        room(
            "BullaServer", "BullaArtifact", "BullaFlow", "BullaStore", "BullaRegistry", "BullaCatalog",
            "BullaAdvisory", "BullaSeal", "BullaPolicy", "BullaGrafeas", "BullaLog", "BullaJobs", "BullaKubernetes",
            "BullaSQL", "BullaHTTP", "GrafeasMessages", "GoogleStubs", product("Hummingbird", "hummingbird"),
            product("HummingbirdTLS", "hummingbird"), product("GRPCCore", "grpc-swift-2"),
            product("GRPCProtobuf", "grpc-swift-protobuf"),
            product("GRPCNIOTransportHTTP2Posix", "grpc-swift-nio-transport"),
            product("ServiceLifecycle", "swift-service-lifecycle"), product("UnixSignals", "swift-service-lifecycle"),
            product("NIOCore", "swift-nio"), product("NIOSSL", "swift-nio-ssl"), httpTypes, protobuf, crypto, x509,
            asn1, logging, metrics, yams),
        .executableTarget(
            name: "bulla",
            dependencies: [
                "BullaArtifact", "BullaServer", "BullaFlow", "BullaGrafeas", "BullaHTTP", "BullaRegistry",
                "BullaCatalog", "BullaAdvisory", "BullaDocument", "BullaSeal", "BullaPolicy", "BullaKubernetes",
                "BullaArchive", "GrafeasMessages", protobuf, httpTypes, logging,
                product("ArgumentParser", "swift-argument-parser"),
            ],
            swiftSettings: house),

        room("BullaTesting", "BullaArtifact", "BullaArchive", "BullaRegistry"),
        tests("BullaArtifact", "BullaArtifact", "BullaTesting"),
        tests("BullaVersion", "BullaVersion", "BullaTesting"),
        tests("BullaExpression", "BullaExpression", "BullaArtifact", "BullaTesting"),
        tests("BullaArchive", "BullaArchive", "BullaArtifact", "BullaTesting"),
        tests(
            "BullaHTTP", "BullaHTTP", "BullaArtifact", httpTypes, product("NIOCore", "swift-nio"),
            product("NIOPosix", "swift-nio"), product("NIOHTTP1", "swift-nio"), "BullaTesting"),
        tests("BullaSQL", "BullaSQL", "BullaArtifact", "BullaTesting"),
        tests(
            "BullaRegistry", "BullaRegistry", "BullaHTTP", "BullaArchive", "BullaArtifact", httpTypes, "BullaTesting"),
        tests("BullaCatalog", "BullaCatalog", "BullaArchive", "BullaArtifact", "BullaTesting"),
        tests("BullaAdvisory", "BullaAdvisory", "BullaArchive", "BullaVersion", "BullaArtifact", "BullaTesting"),
        tests("BullaDocument", "BullaDocument", "BullaArtifact", "BullaTesting"),
        tests("BullaSeal", "BullaSeal", "BullaArtifact", crypto, "BullaTesting"),
        tests("BullaPolicy", "BullaPolicy", "BullaArtifact", "BullaTesting"),
        tests(
            "BullaGrafeas", "BullaGrafeas", "BullaExpression", "BullaArtifact", "GrafeasMessages", protobuf,
            "BullaTesting"),
        tests("BullaJobs", "BullaJobs", "BullaArtifact", logging, "BullaTesting"),
        tests("BullaKubernetes", "BullaKubernetes", "BullaPolicy", "BullaArtifact", "BullaTesting"),
        tests(
            "BullaStore", "BullaStore", "BullaGrafeas", "BullaRegistry", "BullaLog", "BullaJobs", "BullaSQL",
            "BullaArtifact", "GrafeasMessages", protobuf, "BullaTesting"),
        tests(
            "BullaFlow", "BullaFlow", "BullaPolicy", "BullaKubernetes", "BullaGrafeas", "BullaSeal", "BullaArtifact",
            "GrafeasMessages", protobuf, "BullaTesting"),
        tests(
            "BullaServer", "BullaServer", "BullaFlow", "BullaStore", "BullaRegistry", "BullaGrafeas", "BullaHTTP",
            "BullaKubernetes", "BullaPolicy", "BullaSeal", "BullaArtifact", "BullaArchive", "GrafeasMessages",
            "GoogleStubs", product("Hummingbird", "hummingbird"), product("HummingbirdTesting", "hummingbird"),
            product("GRPCCore", "grpc-swift-2"), product("GRPCProtobuf", "grpc-swift-protobuf"),
            product("GRPCNIOTransportHTTP2Posix", "grpc-swift-nio-transport"), product("NIOCore", "swift-nio"),
            protobuf, httpTypes, logging, "BullaTesting"),
        tests(
            "Journey", exclude: ["python"], "bulla", "BullaArtifact", "BullaHTTP", "BullaArchive", "BullaSQL",
            httpTypes, "BullaTesting"),
        tests("House"),
    ]
)
