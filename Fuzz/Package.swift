// swift-tools-version: 6.2
import PackageDescription

/// A package of its own: its one executable is instrumented for libFuzzer, which no other build should carry.
///
/// Only rooms without a network are named, so that neither NIO nor gRPC is built.
let package = Package(
    name: "bulla-fuzz",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "bulla", path: "..")],
    targets: [
        .executableTarget(
            name: "Fuzz",
            dependencies: [.product(name: "BullaParsers", package: "bulla")],
            swiftSettings: [
                .swiftLanguageMode(.v6),
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("MemberImportVisibility"),
                .enableUpcomingFeature("InternalImportsByDefault"),
                .treatAllWarnings(as: .error),
            ],
            // gold, the default, breaks on the sanitizers' symbols.
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])])
    ]
)
