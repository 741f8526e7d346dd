// swift-tools-version: 6.2
import PackageDescription

/// A package of its own, so that no build of the product waits for it.
let package = Package(
    name: "bulla-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "bulla", path: "..")],
    targets: [
        .executableTarget(
            name: "Benchmarks",
            dependencies: [.product(name: "BullaParsers", package: "bulla")],
            swiftSettings: [
                .swiftLanguageMode(.v6),
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("MemberImportVisibility"),
                .enableUpcomingFeature("InternalImportsByDefault"),
                .treatAllWarnings(as: .error),
            ])
    ]
)
